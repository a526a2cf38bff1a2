"""What an import costs and drags along."""

import functools
import subprocess
import sys

import pytest

KERAS = "import os\nos.environ['KERAS_BACKEND'] = 'jax'\nimport keras"
PLAIT = "import os\nos.environ['KERAS_BACKEND'] = 'jax'\nimport plait"
ALL_OF_PLAIT = f"{PLAIT}\nfrom plait import *\nassert plait.table.Table is Table"


@functools.cache
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
    assert unwanted not in loaded(ALL_OF_PLAIT) - loaded(KERAS)


def test_importing_plait_brings_nothing_beside_keras():
    """Seconds depend on the machine; what is loaded does not."""
    new = loaded(PLAIT) - loaded(KERAS) - sys.stdlib_module_names
    assert new == {"plait", "plait._stand_ins"}


def test_all_of_plait_brings_little_beside_keras():
    new = loaded(ALL_OF_PLAIT) - loaded(KERAS)
    heavy = {
        "tensorboard", "mlflow", "wandb", "fsspec", "aiohttp", "datasets", "adbc_driver_manager",
        "polars", "matplotlib", "pydantic", "ruamel", "typer", "tokenizers", "rich",
    }  # fmt: skip
    assert not heavy & {name.partition(".")[0] for name in new}
    # Keras itself loads some of scikit-learn where that is installed.
    assert "sklearn.metrics" not in new
    assert "plait.config" not in new
