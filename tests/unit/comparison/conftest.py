from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from plait.comparison import _jobs, _work

CONFIG = """
data: train.csv
features: {a: Number, b: Number}
tasks: {y: Binary, z: Binary}
training: {epochs: 8}
"""


FAKE_FIT = (Path(__file__).parent / "fake_fit.py").read_text()


@pytest.fixture(scope="session")
def history(tmp_path_factory):
    path = tmp_path_factory.mktemp("faked") / "history.parquet"
    pq.write_table(pa.table({"seconds": [1.0] * 8}), path)
    return path


@pytest.fixture
def faked(monkeypatch, history):
    """Runs are those of `fake_fit.py`, which are soon over."""
    monkeypatch.setattr(_jobs, "_FIT", FAKE_FIT)
    monkeypatch.setattr(_work, "_PAUSE", 0.02)
    monkeypatch.setenv("HISTORY", str(history))


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "plait.yaml"
    path.write_text(CONFIG)
    (tmp_path / "train.csv").write_text("a,b,y,z\n1,2,0,1\n2,3,1,0\n")
    return path
