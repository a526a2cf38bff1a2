"""Keras' `fit` over a whole run, which may be killed, stopped, or be out of time, and go on."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras

from plait._signals import handled
from plait.data import Batches
from plait.errors import BadLoss
from plait.model import MultiTaskModel
from plait.training._budget import Budget
from plait.training._checkpoint import Checkpoint, Position, Resumable
from plait.training._draws import Draws
from plait.training._every import Every
from plait.training._keeper import Keeper
from plait.training._learning import Learning
from plait.training._memory_limit import MemoryLimit
from plait.training._selection import Selection
from plait.training._settings import Training
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
    learning: Learning | None = None,
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
        learning: which parts learn in which epoch; None for all in each.

    Returns:
        A line about what ended it before its last epoch, but for `selection`.

    Raises:
        StoppedError: a signal asked for it, or memory; a checkpoint was written.
    """
    users, draws = Throughout(callbacks), Draws()
    own: dict[str, Any] = {"selection": selection, "callbacks": users}
    budget = None
    if settings.max_minutes is not None:
        # The last of them: scoring takes time, too.
        own["budget"] = budget = Budget(settings.max_minutes, settings.epochs or 1)
    limit = None if settings.max_memory is None else MemoryLimit(settings.max_memory)
    keeper = None
    if goes_on is not None:
        beside: dict[str, Resumable] = {**own, "rows": batches.looked, "draws": draws}
        every = Every.read(settings.checkpoint_every)
        keeper = Keeper(
            goes_on.folder,
            every,
            batches.steps,
            beside,
            goes_on.resumed,
            goes_on.tell,
            limit,
        )
        if goes_on.resumed is not None:
            # What learns in the first epoch depends on those before it.
            goes_on.resumed.restore_beside({"selection": selection})
    pauses = _Pauses(learning, selection, settings.epochs or 1)
    batches.last = _order_of((settings.epochs or 1) - 1)
    with handled(None if keeper is None else keeper.stop):
        for first, last in _stretches(model, pauses, keeper):
            pauses.begin(first.epoch)
            begins = _Begins(batches, first, keeper, draws, limit)
            model.fit(
                begins.rows,
                initial_epoch=first.epoch,
                epochs=last,
                shuffle=False,
                verbose=0,
                callbacks=[
                    begins,
                    *own.values(),
                    *([] if keeper is None else [keeper]),
                    pauses,
                ],
                validation_data=validation_data,
            )
    # As in Keras, not after an error: a run that was stopped is to go on.
    users.end()
    return None if budget is None else budget.ended


def rows_of(bad: BadLoss | None, batches: Batches) -> str:
    """The rows of the table that a bad loss was of, as a sentence; all if none stands out."""
    if bad is None:
        return ""
    numbers = batches.numbers(_order_of(bad.epoch), bad.batch)
    if bad.places:
        numbers = numbers[list(bad.places)]
    return bad.where(sorted(numbers.tolist()), batches.table)


def _order_of(epoch: int) -> int:
    """Which of the data's epochs Keras' epoch is: the first order may serve to see their form."""
    return epoch + 1


class _Begins(keras.callbacks.Callback):
    """The first callback of a call of `fit`: tells the batches and the keeper what begins.

    Keras may read a first batch to see its form, ends an epoch of the data before the first one begins,
    and reads ahead: what it tells the data cannot be counted on.
    """

    def __init__(
        self,
        batches: Batches,
        first: Position,
        keeper: Keeper | None,
        draws: Draws,
        limit: MemoryLimit | None,
    ) -> None:
        super().__init__()
        self.draws = draws
        self.limit = limit
        self.first = first
        self.keeper = keeper
        self.rows = batches.at(_order_of(first.epoch), first.step)

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self.rows.epoch = _order_of(epoch)
        self.rows.start = self.first.step if epoch == self.first.epoch else 0
        self.model.within_epoch = self.rows.start > 0
        if self.keeper is not None:
            self.keeper.begin(epoch)
            # To begin an epoch, torch's loader draws a number; in the middle of one it had been drawn.
            self.rows.before_next = self.draws.again if self.rows.start else None

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        self.model.within_epoch = False

    def on_train_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        if self.keeper is not None:
            self.keeper.before_step(batch)
        elif self.limit is not None:
            self.limit.demand()


class _Pauses(keras.callbacks.Callback):
    """Ends a call of `fit` where something else learns in the next epoch; after `Keeper`."""

    def __init__(self, learning: Learning | None, selection: Selection, epochs: int) -> None:
        super().__init__()
        self.learning = learning
        self.selection = selection
        self.epochs = epochs
        self.next = 0
        self.came = False

    @property
    def is_over(self) -> bool:
        """Whether no epoch is left, or no task to learn."""
        finished = self.learning is not None and self.learning.is_over(self.selection.history)
        return finished or self.next >= self.epochs

    def begin(self, epoch: int) -> None:
        """A call of `fit` begins with an epoch."""
        self.came = False
        if self.learning is not None:
            self.learning.begin(epoch, self.selection.history)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self.next = epoch + 1
        changes = self.learning is not None and self.learning.changes(
            self.next, self.selection.history
        )
        if changes and not self.model.stop_training:
            self.came = self.model.stop_training = True


def _stretches(
    model: MultiTaskModel, pauses: _Pauses, keeper: Keeper | None
) -> Iterator[tuple[Position, int]]:
    """The calls of `fit`: where each begins, and the epoch that it ends before.

    The rest of an epoch that was begun is a call of its own, since in one call all epochs have as
    many batches; and one ends where something else learns from then on.
    """
    position = Position() if keeper is None else keeper.position
    pauses.next = position.epoch
    if keeper is not None and (keeper.is_over or pauses.is_over):
        keeper.restore_beside()
        return
    while not pauses.is_over:
        yield position, position.epoch + 1 if position.step else pauses.epochs
        if model.stop_training and not pauses.came:
            return
        position = Position(pauses.next)
