"""A run of `train` that is stopped, or that has no room, and what goes on from it."""

import errno
import itertools
import os
import signal
import threading
from dataclasses import replace
from pkgutil import resolve_name

import keras
import numpy as np
import pytest

from plait.balancing import PCGrad
from plait.errors import StoppedError
from plait.model import Regime
from plait.sharing import HardSharing
from plait.table import Table
from plait.training import Training, Validation, train
from plait.training._checkpoint import Checkpoint, Position, found_in, last_whole
from plait.training._goes_on import GoesOn
from tests.unit.inference import tiny
from tests.unit.training.test_train import batches_of, bits

SETTINGS = Training(epochs=4, batch_size=16, patience=4, checkpoint_every=2)
"""Three steps an epoch."""


class Stop(keras.callbacks.Callback):
    """Sends the process a signal in a step, and says whether it was told that training ended."""

    def __init__(self, at=None, number=signal.SIGINT):
        super().__init__()
        self.at, self.number = at, number
        self.steps, self.ended = 0, False

    def on_train_batch_begin(self, batch, logs=None):
        self.steps += 1
        if self.steps == self.at:
            os.kill(os.getpid(), self.number)

    def on_train_end(self, logs=None):
        self.ended = True


class Weighs(keras.callbacks.Callback):
    """Keeps something of every kind."""

    def __init__(self):
        super().__init__()
        self.losses = {}
        self.largest = np.zeros(2)
        self.steps = 0
        self.opened = threading.Lock()

    def on_train_batch_end(self, batch, logs=None):
        self.steps += 1

    def on_epoch_end(self, epoch, logs=None):
        self.losses[epoch] = [logs["loss"]]
        self.largest = np.maximum(self.largest, [logs["loss"], epoch])


def trained(goes_on=None, callbacks=(), settings=SETTINGS, validated=False):
    # What it drops has no seed of its own: in torch the backend's generator is drawn from.
    declared = replace(tiny.declaration(), sharing=HardSharing(blocks=1, dropout=0.5))
    table = Table.read(tiny.columns())
    validation = Validation(table, declared.rows(table, again=True)) if validated else None
    return train(
        declared,
        batches_of(declared, settings),
        validation,
        settings,
        PCGrad(),
        seed=5,
        callbacks=callbacks,
        goes_on=goes_on,
    )


@pytest.fixture(autouse=True)
def in_a_terminal():
    """In the background a shell has Ctrl-C ignored, and what is ignored stays so."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(scope="module")
def whole():
    history = Weighs()
    return bits(trained(callbacks=[history])), history


@pytest.fixture
def told():
    return []


def resumed(folder, told):
    return GoesOn(folder, last_whole(folder, told.append), told.append)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_after_the_step_and_the_run_goes_on_to_the_same_bits(
    number, whole, told, tmp_path
):
    before, stop, first = signal.getsignal(number), Stop(5, number), Weighs()
    with pytest.raises(StoppedError) as caught:
        trained(GoesOn(tmp_path, None, told.append), [first, stop])
    assert (caught.value.signal, caught.value.written, stop.steps) == (number, True, 5)
    assert not stop.ended, "the run is not over"
    assert signal.getsignal(number) == before
    assert found_in(tmp_path)[0].name == "000001-000000002.checkpoint"
    # With other callbacks, of which one was there.
    stop, again = Stop(), Weighs()
    assert bits(trained(resumed(tmp_path, told), [stop, again])) == whole[0]
    assert (stop.ended, again.losses) == (True, whole[1].losses)
    np.testing.assert_array_equal(again.largest, whole[1].largest)
    assert again.steps == whole[1].steps == 12
    assert told == []


def test_a_signal_that_is_ignored_stays_so(told, tmp_path):
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        trained(GoesOn(tmp_path, None, told.append), [Stop(2)], replace(SETTINGS, epochs=1))
    finally:
        signal.signal(signal.SIGINT, before)


def test_handlers_that_are_not_pythons_are_left_alone(monkeypatch, told, tmp_path):
    monkeypatch.setattr("signal.getsignal", lambda _: None)
    trained(GoesOn(tmp_path, None, told.append), settings=replace(SETTINGS, epochs=1))
    monkeypatch.undo()
    assert signal.getsignal(signal.SIGINT) is not None


FIRST = "000000-000000002.checkpoint"


@pytest.fixture(params=["numpy.lib.format.write_array", "plait._beside.os.fsync"])
def full(request, monkeypatch, tmp_path):
    """A disk with room for one checkpoint: the next ends halfway, or when it is to reach the disk."""
    module, _, name = request.param.rpartition(".")
    does = getattr(resolve_name(module), name)

    def does_with_room(*given, **named):
        if (tmp_path / FIRST).exists():
            assert list(tmp_path.glob(".*.part")), "something was begun"
            raise OSError(errno.ENOSPC, "No space left on device")
        return does(*given, **named)

    monkeypatch.setattr(request.param, does_with_room)


def demand_first_alone(folder):
    """The checkpoint that there was room for is whole, and nothing of another is left."""
    assert [path.name for path in folder.iterdir()] == [FIRST]
    assert Checkpoint.read(folder / FIRST).position == Position(0, 2)


def test_a_disk_that_fills_is_told_and_ends_nothing(full, whole, told, tmp_path):
    assert bits(trained(GoesOn(tmp_path, None, told.append))) == whole[0]
    demand_first_alone(tmp_path)
    assert "is full: no checkpoint was written at epoch 2, step 1" in told[0]
    assert "training goes on" in told[0]


def test_a_stop_without_room_says_so_and_loses_the_last_steps_alone(full, told, tmp_path):
    with pytest.raises(StoppedError, match="The disk is full") as caught:
        trained(GoesOn(tmp_path, None, told.append), [Stop(3)])
    assert not caught.value.written
    assert told == [], "nobody reads that training goes on"
    demand_first_alone(tmp_path)
    assert resumed(tmp_path, told).resumed.position.step == 2


def test_the_time_that_is_over_is_told_and_what_was_learnt_is_kept(monkeypatch):
    seconds = itertools.count(0, 10)
    monkeypatch.setattr("time.monotonic", lambda: next(seconds))
    done = trained(settings=replace(SETTINGS, epochs=4000, max_minutes=3), validated=True)
    (epochs, best) = len(done.history), done.best.number
    assert 0 < best <= epochs < 60
    assert done.ended == f"The 3 minutes were over in epoch {epochs} of 4000."
    assert trained(settings=replace(SETTINGS, epochs=1, max_minutes=1e6)).ended is None


def test_scoring_takes_of_the_time_too_and_the_last_epoch_is_never_cut_by_it():
    from plait.training._budget import Budget

    class Model:
        stop_training = False

    for epoch, ended in ((0, True), (1, False)):
        model, budget = Model(), Budget(1e-9, epochs=2)
        budget.set_model(model)
        budget.on_epoch_begin(epoch)
        budget.on_epoch_end(epoch)
        assert model.stop_training == ended
        assert (budget.ended is not None) == ended


def test_the_model_is_the_users_own_again():
    model = trained(settings=replace(SETTINGS, epochs=1, ema=0.5)).model
    assert model.regime == Regime()
    assert not model.within_epoch
