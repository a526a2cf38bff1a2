"""The examples run as their first lines say, and their loss falls."""

import os
import re
import runpy
import subprocess
import sys
from pathlib import Path

import keras
import pytest
from ruamel.yaml import YAML

from plait.config import build_learner, load

EXAMPLES = Path(__file__).parents[2] / "examples"
SMALL = {
    "01_image_two_tasks": ["--size", "16", "--rows", "64", "--epochs", "3"],
    "02_image_and_text": ["--size", "16", "--rows", "192", "--epochs", "3"],
}


def falls(said):
    first, last = map(float, re.search(r"loss ([\d.]+) -> ([\d.]+)", said).groups())
    return last < first


def test_the_loss_falls_in_a_process_of_its_own(tmp_path):
    name = "01_image_two_tasks"
    done = subprocess.run(
        [sys.executable, EXAMPLES / name / "table_door.py", *SMALL[name]],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        env={**os.environ, "KERAS_BACKEND": "jax"},
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert falls(done.stdout)


@pytest.fixture
def forgotten():
    """What a script imports from beside it is another script's, too."""
    yield
    for name in ("keras_door", "masks"):
        sys.modules.pop(name, None)


@pytest.mark.skipif(keras.backend.backend() != "jax", reason="shown on JAX")
@pytest.mark.parametrize(
    ("name", "door"),
    [
        ("01_image_two_tasks", "keras_door"),
        ("02_image_and_text", "keras_door"),
        ("02_image_and_text", "table_door"),
    ],
)
@pytest.mark.usefixtures("forgotten")
def test_the_loss_falls(name, door, tmp_path, monkeypatch, capsys):
    script = EXAMPLES / name / f"{door}.py"
    monkeypatch.syspath_prepend(script.parent)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", [str(script), *SMALL[name]])
    runpy.run_path(str(script), run_name="__main__")
    assert falls(capsys.readouterr().out)


@pytest.mark.parametrize("config", sorted(EXAMPLES.glob("*.yaml")), ids=lambda path: path.stem)
def test_each_config_declares_a_learner(config, tmp_path):
    """Its data are not here: of files that are not read, empty ones will do."""
    data = YAML(typ="safe").load(config)["data"]
    for name in [data] if isinstance(data, str) else data.values():
        (tmp_path / name).touch()
    learner = build_learner(load(config, data_dir=tmp_path))
    assert learner.tasks
    assert learner.features
