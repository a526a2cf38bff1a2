"""What is foreseen of a run, but for how long it takes, in which a busy machine has a say."""

from dataclasses import replace
from types import SimpleNamespace

import pytest

from plait.training import Training
from plait.training._estimate import Estimate, _seconds
from plait.training._trial import VALIDATED, Trial, size_of
from tests.unit.inference import tiny
from tests.unit.test_learner import learner

SETTINGS = Training(epochs=12, batch_size=16, patience=12, checkpoint_every=4)


def test_disk_is_foreseen(tmp_path):
    model = learner(training=SETTINGS)
    found = model.estimate(tiny.columns())
    model.fit(tiny.columns(), run=tmp_path / "run", verbose=False)
    assert found.disk_left == pytest.approx(size_of(tmp_path / "run"), rel=0.1)
    assert found.disk > 2 * found.disk_left, "with three checkpoints of 36 steps"
    assert found.memory > 100_000_000
    assert found.cached == 0
    assert found.start > 0 < found.epoch


def test_one_checkpoint_more_is_at_once_than_is_kept():
    def disk(every):
        found = learner(training=replace(SETTINGS, checkpoint_every=every)).estimate(tiny.columns())
        return found.disk - found.disk_left

    # Of 24 steps in all.
    none, one, many = disk(25), disk(24), disk(1)
    assert none == 0
    assert many == pytest.approx(3 * one, rel=0.05)


def test_nothing_is_kept(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    made = learner()
    made.estimate(tiny.columns())
    assert list(tmp_path.iterdir()) == []
    assert made.history == ()


def test_the_seconds_of_an_epoch_by_those_of_a_few_steps():
    """Of 4 steps, the first two compile for 5 s each; rows are new in the first epoch."""
    validation = SimpleNamespace(table=range(3 * VALIDATED))
    ready = SimpleNamespace(batches=SimpleNamespace(steps=100), validation=validation)
    cold, warm = [10.0, 15, 20, 22, 24], [40.0, 41, 42, 43, 44]
    # Scoring compiles for 7 s.
    done = Trial(None, [cold, warm], [24.0 + 8, 44.0 + 1], 0, 0, 0.0)
    start, first, later = _seconds(ready, done)
    assert start == 20 + 7
    assert first == 98 * 2 + 3
    assert later == 100 * 1 + 3


def test_a_run_of_no_more_steps_than_those_that_compile():
    ready = SimpleNamespace(batches=SimpleNamespace(steps=1), validation=None)
    done = Trial(None, [[10.0, 15], [20.0, 21]], [15.0, 21.0], 0, 0, 0.0)
    assert _seconds(ready, done) == (15.0, 0.0, 1.0)


def test_the_whole_run_ends_in_time():
    settings = Training(epochs=10)
    found = Estimate(settings, 5.0, 20.0, 10.0, 2.0, 3 * 10**9, 0, 0, 0)
    assert found.seconds == 5 + 20 + 9 * 10 + 2
    assert replace(found, settings=replace(settings, max_minutes=1)).seconds == 67
    assert not found.is_too_much
    assert replace(found, settings=replace(settings, max_memory="2GB")).is_too_much
