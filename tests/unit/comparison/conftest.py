from pathlib import Path

import pytest

from plait.comparison import _jobs

CONFIG = """
data: train.csv
features: {a: Number, b: Number}
tasks: {y: Binary, z: Binary}
training: {epochs: 8}
"""


@pytest.fixture
def faked(monkeypatch):
    """Runs are those of `fake_fit.py`."""
    code = (Path(__file__).parent / "fake_fit.py").read_text()
    monkeypatch.setattr(_jobs, "_FIT", code)


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "plait.yaml"
    path.write_text(CONFIG)
    (tmp_path / "train.csv").write_text("a,b,y,z\n1,2,0,1\n2,3,1,0\n")
    return path
