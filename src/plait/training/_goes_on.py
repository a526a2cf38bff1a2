"""Keras' `fit` over a whole run, which may be killed, stopped, or be out of time, and go on."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras

from plait.data import Batches
from plait.model import MultiTaskModel
from plait.training._budget import Budget
from plait.training._checkpoint import Checkpoint, Checkpoints, Position, Resumable
from plait.training._every import Every
from plait.training._selection import Selection
from plait.training._settings import Training
from plait.training._signals import handled
from plait.training._throughout import Throughout


@dataclass(frozen=True)
class GoesOn:
    """How a run that is killed can go on.

    Attributes:
        folder: of its checkpoints.
        resumed: the one to go on from; None at the start.
        tell: called with a line where one cannot be written.
    """

    folder: Path
    resumed: Checkpoint | None
    tell: Callable[[str], None]


def fit_through(
    model: MultiTaskModel,
    batches: Batches,
    settings: Training,
    selection: Selection,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    validation_data: Batches | None = None,
    goes_on: GoesOn | None = None,
) -> None:
    """Fits a compiled model, from the start or from a checkpoint, to the end of the run.

    Args:
        model: compiled.
        batches: the training rows.
        settings: settled.
        selection: scores each epoch.
        callbacks: the user's.
        validation_data: for a balancer that looks at validation losses.
        goes_on: where checkpoints are written, and the one to go on from; None for none.

    Raises:
        StoppedError: a signal asked for it; a checkpoint was written.
    """
    users = Throughout(callbacks)
    own: dict[str, keras.callbacks.Callback] = {"selection": selection, "callbacks": users}
    if settings.max_minutes is not None:
        own = {"budget": Budget(settings.max_minutes), **own}
    called, keeper = list(own.values()), None
    if goes_on is not None:
        beside: dict[str, Resumable] = {**own, "rows": batches.looked}
        every = Every.read(settings.checkpoint_every)
        keeper = Checkpoints(goes_on.folder, every, beside, goes_on.resumed, goes_on.tell)
        called.append(keeper)
    with handled(None if keeper is None else keeper.stop):
        for stretch, last in _stretches(model, batches, settings.epochs or 1, keeper):
            model.fit(
                stretch.rows,
                initial_epoch=stretch.position.epoch,
                epochs=last,
                shuffle=False,
                verbose=0,
                callbacks=[stretch, *called],
                validation_data=validation_data,
            )
    users.end()


class _Stretch(keras.callbacks.Callback):
    """The batches of one call of `fit`, which are told each epoch that begins.

    Keras reads a first batch to see its form, ends an epoch of the data before the first one begins,
    and reads ahead: what it tells the data cannot be counted on.
    """

    def __init__(self, batches: Batches, position: Position) -> None:
        super().__init__()
        self.position = position
        self.rows = batches.at(position.epoch + 1, position.step)

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self.rows.epoch = epoch + 1
        self.rows.start = self.position.step if epoch == self.position.epoch else 0


def _stretches(
    model: MultiTaskModel, batches: Batches, epochs: int, keeper: Checkpoints | None
) -> Iterator[tuple[_Stretch, int]]:
    """The calls of `fit`: where each begins, and the epoch that it ends before.

    The rest of an epoch that was begun is a call of its own, since in one call all epochs have as
    many batches.
    """
    position = Position() if keeper is None else keeper.position
    if keeper is not None and keeper.is_over:
        keeper.restore_beside()
        return
    if position.step:
        yield _Stretch(batches, position), position.epoch + 1
        if model.stop_training:
            return
        position = Position(position.epoch + 1)
    if position.epoch < epochs:
        yield _Stretch(batches, position), epochs
    elif keeper is not None:
        keeper.restore_beside()
