"""What an import costs and drags along."""

import subprocess
import sys

import pytest


def loaded(code):
    """The modules that are loaded after `code` ran in a fresh process."""
    script = f"import sys\n{code}\nprint('\\n'.join(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=120
    )
    return set(done.stdout.splitlines())


def test_the_command_line_starts_without_keras():
    modules = loaded("sys.argv[0] = 'plait'\nimport plait.cli")
    heavy = {"keras", "jax", "numpy", "pyarrow", "sklearn", "pydantic", "matplotlib"}
    assert not heavy & modules


@pytest.mark.parametrize("unwanted", ["tensorflow", "torch"])
def test_on_jax_no_other_backend_is_loaded_by_plait(unwanted):
    with_keras = loaded("import os\nos.environ['KERAS_BACKEND'] = 'jax'\nimport keras")
    with_plait = loaded("import os\nos.environ['KERAS_BACKEND'] = 'jax'\nimport plait")
    assert unwanted not in with_plait - with_keras


def test_importing_plait_brings_little_beside_keras():
    """Seconds depend on the machine; what is loaded does not."""
    with_keras = loaded("import os\nos.environ['KERAS_BACKEND'] = 'jax'\nimport keras")
    with_plait = loaded("import os\nos.environ['KERAS_BACKEND'] = 'jax'\nimport plait")
    new = {name.partition(".")[0] for name in with_plait - with_keras}
    heavy = {
        "tensorboard", "mlflow", "wandb", "fsspec", "aiohttp", "datasets", "adbc_driver_manager",
        "polars", "matplotlib", "pydantic", "ruamel", "typer", "tokenizers", "rich",
    }  # fmt: skip
    assert not new & heavy
    # Keras itself loads some of scikit-learn where that is installed.
    assert "sklearn.metrics" not in with_plait - with_keras
    assert "plait.config" not in with_plait
