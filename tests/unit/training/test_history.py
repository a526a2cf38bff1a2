from dataclasses import replace

import pyarrow.parquet as pq

from plait.training import Epoch, Run, Training
from plait.training._history import write_history
from tests.unit.inference import tiny
from tests.unit.test_learner import learner

FIRST = Epoch(1, 0.5, 1e-3, 2.0, {"a_loss": 1.0}, {"a": {}}, {"a": 0.2}, 0.2, True)
SECOND = replace(FIRST, number=2, scores={"a": {"auc": 0.6}}, mean_gain=None, best=False)


def test_an_epoch_may_have_a_score_that_the_first_one_lacks(tmp_path):
    write_history(tmp_path, [FIRST, SECOND])
    assert pq.read_table(tmp_path / "history.parquet").to_pydict() == {
        "epoch": [1, 2],
        "seconds": [0.5, 0.5],
        "learning_rate": [1e-3, 1e-3],
        "loss": [2.0, 2.0],
        "a_loss": [1.0, 1.0],
        "mean_gain": [0.2, None],
        "best": [True, False],
        "a.gain": [0.2, 0.2],
        "a.auc": [None, 0.6],
    }


def test_a_run_has_its_history_from_its_first_epoch_on(tmp_path, monkeypatch):
    seen = []
    record = Run.record

    def look(run, history):
        record(run, history)
        seen.append(pq.read_table(run.folder / "history.parquet"))

    monkeypatch.setattr(Run, "record", look)
    settings = Training(epochs=3, batch_size=16, patience=3)
    learner(training=settings).fit(tiny.columns(), run=tmp_path / "run", verbose=False)
    left = pq.read_table(tmp_path / "run" / "history.parquet")
    assert [table.num_rows for table in seen] == [1, 2, 3]
    assert all(table.equals(left.slice(0, table.num_rows)) for table in seen)


def test_a_full_disk_costs_a_run_no_more_than_its_history(tmp_path, monkeypatch, capsys):
    def full(*_):
        raise OSError(28, "No space left on device")

    run = Run(tmp_path / "run")
    monkeypatch.setattr("plait.training._run.write_history", full)
    run.record([FIRST])
    assert "history.parquet is an epoch behind" in capsys.readouterr().err
