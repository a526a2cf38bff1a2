"""The examples run as their first lines say, and their loss falls."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from plait.config import build_learner, load

EXAMPLES = Path(__file__).parents[2] / "examples"
SMALL = {
    "01_image_two_tasks": ["--size", "16", "--rows", "64", "--epochs", "3"],
    "02_image_and_text": ["--size", "16", "--rows", "192", "--epochs", "3"],
}


@pytest.mark.parametrize("door", ["keras_door", "table_door"])
@pytest.mark.parametrize("name", SMALL)
def test_the_loss_falls(name, door, tmp_path):
    done = subprocess.run(
        [sys.executable, EXAMPLES / name / f"{door}.py", *SMALL[name]],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        env={**os.environ, "KERAS_BACKEND": "jax"},
    )
    assert done.returncode == 0, done.stderr[-3000:]
    first, last = map(float, re.search(r"loss ([\d.]+) -> ([\d.]+)", done.stdout).groups())
    assert last < first


@pytest.mark.parametrize("config", sorted(EXAMPLES.glob("*.yaml")), ids=lambda path: path.stem)
def test_each_config_declares_a_learner(config, tmp_path):
    """Its data are not here: of files that are not read, empty ones will do."""
    data = YAML(typ="safe").load(config)["data"]
    for name in [data] if isinstance(data, str) else data.values():
        (tmp_path / name).touch()
    learner = build_learner(load(config, data_dir=tmp_path))
    assert learner.tasks
    assert learner.features
