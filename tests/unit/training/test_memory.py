"""The memory that training takes: how much there is, a batch that fits into it, and a bound on it."""

import json

import numpy as np
import pytest

from plait.backend import device_memory
from plait.backend._device_memory import DeviceMemory
from plait.errors import ConfigError, PlaitError, StoppedError
from plait.table import Table
from plait.training import Run, Training
from plait.training import _batch_that_fits as fitting
from plait.training._bytes import bytes_in_words
from plait.training._memory import forget_most, free, in_use, most_in_use
from plait.training._memory_limit import MemoryLimit
from plait.training._trial import Trial
from tests.unit.inference import tiny
from tests.unit.test_learner import learner

MB, GB = 10**6, 10**9


@pytest.mark.skipif(device_memory() is not None, reason="the device has a memory of its own")
def test_the_process_knows_what_it_takes():
    forget_most()
    before = in_use()
    held = np.ones(100 * MB // 8)
    assert in_use() - before > 90 * MB
    del held
    assert most_in_use() - before > 90 * MB
    forget_most()
    assert most_in_use() - before < 50 * MB
    assert free() > 100 * MB


def test_what_a_device_cannot_forget_is_no_reason_to_stop(monkeypatch):
    peak = 5 * GB
    monkeypatch.setattr(
        "plait.training._memory.device_memory", lambda: DeviceMemory(GB, peak, 80 * GB)
    )
    limit = MemoryLimit("4GB")
    assert limit.passed() is None
    peak = 6 * GB
    assert "took 6.0 GB of memory, more than max_memory=4GB" in limit.passed()


def test_bytes_in_words():
    told = [bytes_in_words(n) for n in (12_000, 340e6, 999.6e6, 1.23e9, 12.3e9, 2e12)]
    assert told == ["0.0 MB", "340 MB", "1.0 GB", "1.2 GB", "12 GB", "2.0 TB"]


@pytest.mark.parametrize("wrong", ["much", "4", 4, "0GB", "GB", "-1GB", True])
def test_what_is_no_bound_is_refused(wrong):
    with pytest.raises(ConfigError, match=r"max_memory is a size such as .* Received"):
        Training(max_memory=wrong)


@pytest.mark.parametrize("wrong", ["Auto", "32", 0, -1, 2.5, True])
def test_what_is_no_batch_is_refused(wrong):
    with pytest.raises(ConfigError, match="batch_size"):
        Training(batch_size=wrong)


class Machine:
    """One on which training takes 300 MB, and what a batch does.

    Args:
        batch: what that is, by its rows.
    """

    def __init__(self, monkeypatch, batch=lambda rows: 10 * MB * rows):
        self.batch = batch
        self.tried = []
        monkeypatch.setattr(fitting, "in_use", lambda: 300 * MB)
        monkeypatch.setattr(fitting, "trial", self.trial)

    def trial(self, ready, balancing, *, steps, epochs):
        rows = ready.settings.batch_rows
        self.tried.append(rows)
        return Trial(None, [], [], 300 * MB + self.batch(rows), 0, 0.0)

    def found(self, room, **settings):
        """Rows and parts of a batch, and the sizes that were tried."""
        self.tried = []
        asked = Training(epochs=1, batch_size="auto", max_memory=room, **settings)
        ready = learner(training=asked)._prepared({"train": Table.read(tiny.columns(6_000))})
        return ready.settings.batch_rows, ready.settings.accumulate, self.tried


def test_a_batch_is_taken_in_the_largest_parts_that_fit(monkeypatch):
    machine = Machine(monkeypatch)
    # Of 64 rows, which take 940 MB.
    assert machine.found("1GB") == (64, 1, [1])
    assert machine.found("900MB") == (32, 2, [1, 32])
    assert machine.found("900MB", accumulate=3) == (32, 6, [1, 32])
    assert machine.found("310MB") == (1, 64, [1])


def test_no_part_is_tried_that_might_be_too_much(monkeypatch):
    """What compiling takes hides what rows do."""
    machine = Machine(monkeypatch, lambda rows: MB * max(100, 10 * rows))
    assert machine.found("900MB") == (32, 2, [1, 4, 16, 32])
    assert machine.found("8GB") == (64, 1, [1])
    assert machine.found("600MB") == (16, 4, [1, 2, 4, 8, 16])


def test_what_grows_faster_than_its_rows_falls_back_on_what_was_seen_to_fit(monkeypatch):
    machine = Machine(monkeypatch, lambda rows: MB * rows**2)
    assert machine.found("340MB") == (1, 64, [1, 32])


def test_where_nothing_fits_it_is_told(monkeypatch):
    with pytest.raises(ConfigError, match=r"none that fits: with 1 of .* 310 MB, .* for 300 MB"):
        Machine(monkeypatch).found("300MB")
    monkeypatch.setattr(fitting, "free", lambda: None)
    with pytest.raises(ConfigError, match=r"cannot find out .* Name max_memory"):
        Machine(monkeypatch).found(None)
    monkeypatch.setattr("plait.training._memory.most_in_use", lambda: 0)
    with pytest.raises(ConfigError, match="batch_size='auto' needs to know"):
        Machine(monkeypatch).found("1GB")


def test_parts_are_shared_by_the_devices():
    assert list(fitting._parts(Training(batch_size=96))) == [96, 48, 32, 24, 16, 12, 8, 6, 4, 3, 2]
    assert list(fitting._parts(Training(batch_size=24, devices=4))) == [24, 12, 8, 4]


def test_a_run_that_goes_on_or_is_repeated_has_the_batch_that_it_began_with(tmp_path):
    run, asked = Run(tmp_path / "r"), Training(epochs=1, batch_size="auto")
    assert run.batch_as_begun(asked) is None
    for name, said in {"config": {"batch_size": 8, "accumulate": 4}, "environment": {}}.items():
        (tmp_path / "r" / f"{name}.json").write_text(json.dumps({"training": {"Training": said}}))
    run._held.release()
    for again in (Run(tmp_path / "r", resume=True), Run(tmp_path / "s", like=tmp_path / "r")):
        kept = again.batch_as_begun(asked)
        assert (kept.batch_size, kept.accumulate, kept.epochs) == (8, 4, 1)


def test_a_batch_that_fits_trains(tmp_path):
    made = learner(training=Training(epochs=1, batch_size="auto", max_memory="64GB"))
    made.fit(tiny.columns(), run=tmp_path / "run", verbose=False)
    said = json.loads((tmp_path / "run" / "config.json").read_text())["training"]["Training"]
    assert said["batch_size"] == 16
    assert made.training.batch_size == "auto"


def test_a_run_that_takes_too_much_stops_and_goes_on(tmp_path, monkeypatch):
    # More than the process of the tests has by then.
    asked = Training(epochs=2, batch_size=8, patience=2, max_memory="64GB")
    whole = learner(training=asked).fit(tiny.columns(), run=False, verbose=False)
    taken = iter([3e9] * 6 + [65e9])
    monkeypatch.setattr("plait.training._memory_limit.most_in_use", lambda: next(taken))
    made, run = learner(training=asked), tmp_path / "run"
    with pytest.raises(StoppedError, match=r"took 65 GB of memory, more than max_memory=64GB") as e:
        made.fit(tiny.columns(), run=run, verbose=False)
    assert (e.value.signal, e.value.written) == (None, True)
    assert f"fit(table, run='{run}', resume=True) goes on where it was." in str(e.value)
    monkeypatch.undo()
    made.fit(tiny.columns(), run=run, resume=True, verbose=False)
    assert len(made.history) == 2
    first, second = tiny.values(whole.model), tiny.values(made.model)
    assert all((value == second[path]).all() for path, value in first.items())


def test_without_a_folder_it_ends_with_an_error(monkeypatch):
    asked = Training(epochs=2, batch_size=8, patience=2, max_memory="100MB")
    with pytest.raises(PlaitError, match="more than max_memory=100MB") as caught:
        learner(training=asked).fit(tiny.columns(), run=False, verbose=False)
    assert not isinstance(caught.value, StoppedError)
