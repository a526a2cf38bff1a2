import numpy as np
import pytest

from plait.features import Number
from plait.learner import Learner
from plait.table import Split, Table
from plait.tasks import Regression
from plait.training import Training, parted, trained_rows

ROWS = 40
TABLE = Table.read(
    {
        "x": np.linspace(0, 1, ROWS),
        "y": np.linspace(1, 2, ROWS),
        "group": np.arange(ROWS) // 4,
        "part": ["train", "test", "train", "validation"] * (ROWS // 4),
    }
)


@pytest.mark.parametrize("split", [None, "part", Split(by="group"), Split(after={"x": 0.5})])
def test_the_rows_are_those_of_the_training_part(split, tmp_path):
    learner = Learner(
        {"x": Number()}, {"y": Regression()}, split=split, training=Training(epochs=1), width=4
    )
    learner.fit(TABLE, run=tmp_path / "run", verbose=False)
    declared = Split(column=split) if isinstance(split, str) else split
    rows = parted(TABLE, None, declared, ["y"])["train"].rows
    assert trained_rows(tmp_path / "run", TABLE).tolist() == rows.tolist()
    other = TABLE.take(np.arange(1, ROWS))
    assert not len(trained_rows(tmp_path / "run", other))


def test_a_run_without_documents_has_none(tmp_path):
    assert not len(trained_rows(tmp_path / "model.plait", TABLE))
