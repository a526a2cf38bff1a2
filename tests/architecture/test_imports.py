"""What an import costs and drags along."""

import subprocess
import sys

import pytest

STAGES = {
    "keras": "import os\nos.environ['KERAS_BACKEND'] = 'jax'\nimport keras",
    "plait": "import plait",
    "all of plait": "from plait import *\nassert plait.table.Table is Table",
}


def loaded(*stages):
    """The modules that are loaded after each piece of code in a fresh process."""
    script = "\n".join(["import sys", *(f"{code}\nprint(*sys.modules)" for code in stages)])
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=120
    )
    return [set(line.split()) for line in done.stdout.splitlines()]


@pytest.fixture(scope="module")
def after():
    """What is loaded after each of the stages."""
    return dict(zip(STAGES, loaded(*STAGES.values()), strict=True))


def test_the_command_line_starts_without_keras():
    (modules,) = loaded("sys.argv[0] = 'plait'\nimport plait.cli")
    heavy = {"keras", "jax", "numpy", "pyarrow", "sklearn", "pydantic", "matplotlib"}
    assert not heavy & modules


@pytest.mark.parametrize("unwanted", ["tensorflow", "torch"])
def test_on_jax_no_other_backend_is_loaded_by_plait(unwanted, after):
    assert unwanted not in after["all of plait"] - after["keras"]


def test_importing_plait_brings_nothing_beside_keras(after):
    """Seconds depend on the machine; what is loaded does not."""
    new = after["plait"] - after["keras"] - sys.stdlib_module_names
    assert new == {"plait", "plait._stand_ins"}


def test_all_of_plait_brings_little_beside_keras(after):
    new = after["all of plait"] - after["keras"]
    heavy = {
        "tensorboard", "mlflow", "wandb", "fsspec", "aiohttp", "datasets", "adbc_driver_manager",
        "polars", "matplotlib", "pydantic", "ruamel", "typer", "tokenizers", "rich",
    }  # fmt: skip
    assert not heavy & {name.partition(".")[0] for name in new}
    # Keras itself loads some of scikit-learn where that is installed.
    assert "sklearn.metrics" not in new
    assert "plait.config" not in new
