"""Keras' `fit` over a whole run, which may be killed, stopped, or be out of time, and go on."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras

from plait.data import Batches
from plait.model import MultiTaskModel
from plait.training._budget import Budget
from plait.training._checkpoint import Checkpoint, Position, Resumable
from plait.training._draws import Draws
from plait.training._every import Every
from plait.training._keeper import Keeper
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
) -> str | None:
    """Fits a compiled model, from the start or from a checkpoint, to the end of the run.

    Args:
        model: compiled.
        batches: the training rows.
        settings: settled.
        selection: scores each epoch.
        callbacks: the user's.
        validation_data: for a balancer that looks at validation losses.
        goes_on: where checkpoints are written, and the one to go on from; None for none.

    Returns:
        A line about what ended it before its last epoch, but for `selection`.

    Raises:
        StoppedError: a signal asked for it; a checkpoint was written.
    """
    users, draws = Throughout(callbacks), Draws()
    own: dict[str, Any] = {"selection": selection, "callbacks": users}
    budget = None
    if settings.max_minutes is not None:
        # The last of them: scoring takes time, too.
        own["budget"] = budget = Budget(settings.max_minutes, settings.epochs or 1)
    keeper = None
    if goes_on is not None:
        beside: dict[str, Resumable] = {**own, "rows": batches.looked, "draws": draws}
        every = Every.read(settings.checkpoint_every)
        keeper = Keeper(
            goes_on.folder, every, model, batches.steps, beside, goes_on.resumed, goes_on.tell
        )
        model.after_step = keeper.after_step
    try:
        with handled(None if keeper is None else keeper.stop):
            for first, last in _stretches(model, settings.epochs or 1, keeper):
                begins = _Begins(batches, first, keeper, draws)
                model.fit(
                    begins.rows,
                    initial_epoch=first.epoch,
                    epochs=last,
                    shuffle=False,
                    verbose=0,
                    callbacks=[begins, *own.values(), *([] if keeper is None else [_Ends(keeper)])],
                    validation_data=validation_data,
                )
    finally:
        model.after_step = None
    # As in Keras, not after an error: a run that was stopped is to go on.
    users.end()
    return None if budget is None else budget.ended


class _Begins(keras.callbacks.Callback):
    """The first callback of a call of `fit`: tells the batches and the keeper which epoch begins.

    Keras reads a first batch to see its form, ends an epoch of the data before the first one begins,
    and reads ahead: what it tells the data cannot be counted on.
    """

    def __init__(
        self, batches: Batches, first: Position, keeper: Keeper | None, draws: Draws
    ) -> None:
        super().__init__()
        self.draws = draws
        self.first = first
        self.keeper = keeper
        self.rows = batches.at(first.epoch + 1, first.step)

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self.rows.epoch = epoch + 1
        self.rows.start = self.first.step if epoch == self.first.epoch else 0
        self.model.within_epoch = self.rows.start > 0
        if self.keeper is not None:
            self.keeper.begin(epoch)
            # To begin an epoch, torch's loader draws a number; in the middle of one it had been drawn.
            self.rows.before_next = self.draws.again if self.rows.start else None


class _Ends(keras.callbacks.Callback):
    """The last one: tells the keeper which epoch is over."""

    def __init__(self, keeper: Keeper) -> None:
        super().__init__()
        self.keeper = keeper

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self.keeper.end(epoch)


def _stretches(
    model: MultiTaskModel, epochs: int, keeper: Keeper | None
) -> Iterator[tuple[Position, int]]:
    """The calls of `fit`: where each begins, and the epoch that it ends before.

    The rest of an epoch that was begun is a call of its own, since in one call all epochs have as
    many batches.
    """
    position = Position() if keeper is None else keeper.position
    if keeper is not None and (keeper.is_over or position.epoch >= epochs):
        keeper.restore_beside()
        return
    if position.step:
        yield position, position.epoch + 1
        if model.stop_training:
            return
        position = Position(position.epoch + 1)
    if position.epoch < epochs:
        yield position, epochs
