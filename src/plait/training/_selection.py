"""After each epoch: scores on the validation rows, the best weights so far, and when to stop."""

import time
import warnings
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any, Self

import keras
import numpy as np

from plait._disk_cache import DiskCache
from plait.data import Batches, DeviceRoom, FeatureRows
from plait.inference import (
    Declaration,
    Predictor,
    Scores,
    alike,
    gains,
    mean_gain,
    row_weights,
    score,
)
from plait.table import Table
from plait.tasks import Targets, Task
from plait.training._schedules import rate_of


@dataclass(frozen=True)
class Validation:
    """Rows that a model is selected on.

    Attributes:
        table: the rows, with target columns.
        rows: the same rows as the model reads them.
        weights: `(rows,)`, or None for 1.
    """

    table: Table
    rows: FeatureRows
    weights: np.ndarray | None = None

    @classmethod
    def of(
        cls,
        declaration: Declaration,
        table: Table,
        weight: str | None = None,
        disk: DiskCache | None = None,
        room: DeviceRoom | None = None,
    ) -> Self:
        """A table's rows.

        Args:
            declaration: fitted; reads them.
            table: the rows, with target columns.
            weight: the column of each row's weight, if any.
            disk: where decoded media are kept; None for nowhere.
            room: see `FeatureRows`.
        """
        rows = declaration.rows(table, again=True, disk=disk, room=room)
        return cls(table, rows, None if weight is None else row_weights(table, weight))

    def batches(
        self, tasks: Mapping[str, Task], size: int, signals: Mapping[str, Targets] | None = None
    ) -> Batches:
        """The rows in batches, for a balancer that looks at their losses."""
        return Batches(
            self.table,
            self.rows,
            tasks,
            batch_size=size,
            shuffle=False,
            weights=self.weights,
            signals=signals,
        )


@dataclass(frozen=True)
class Epoch:
    """What one epoch came to.

    Attributes:
        number: counted from 1.
        seconds: of training and validation together.
        learning_rate: at the end of the epoch.
        loss: the total on the training rows.
        logs: everything else that the step logged, such as `<task>_loss` and task weights.
        scores: on the validation rows.
        gains: of the scores, by task.
        mean_gain: their mean, of the main tasks but those of `alike`; None without validation.
        best: whether no earlier epoch was better.
        auxiliary: the tasks that only serve the others, and are not in the mean.
    """

    number: int
    seconds: float
    learning_rate: float
    loss: float
    logs: dict[str, float]
    scores: Scores
    gains: dict[str, float]
    mean_gain: float | None
    best: bool
    auxiliary: tuple[str, ...] = ()

    @property
    def selected_by(self) -> dict[str, Any]:
        """What made it the best, as plain data; what had no say in it is apart."""
        found = {
            "epoch": self.number,
            "validation": self._of_main(self.scores),
            "gains": self._of_main(self.gains),
            "mean_gain": self.mean_gain,
        }
        if self.auxiliary:
            found["auxiliary"] = {
                "validation": {t: s for t, s in self.scores.items() if t in self.auxiliary},
                "gains": {t: gain for t, gain in self.gains.items() if t in self.auxiliary},
            }
        return found

    def _of_main(self, by_task: Mapping[str, Any]) -> dict[str, Any]:
        return {task: value for task, value in by_task.items() if task not in self.auxiliary}


OnEpoch = Callable[[Sequence[Epoch]], None]


class Selection(keras.callbacks.Callback):
    """Keeps the weights with the best mean gain, the last of equals, and stops when it falls short.

    Args:
        predictor: answers with the weights of the model in training.
        validation: the rows to score; None keeps the last epoch's weights.
        patience: epochs without a better mean gain before training stops.
        on_epoch: called with the epochs so far, when one more is over.
    """

    def __init__(
        self,
        predictor: Predictor,
        validation: Validation | None,
        patience: int,
        on_epoch: Sequence[OnEpoch] = (),
    ) -> None:
        super().__init__()
        self.predictor = predictor
        self.validation = validation
        self.patience = patience
        self.on_epoch = on_epoch
        self.history: list[Epoch] = []
        self._weights: list[np.ndarray] = []
        self._began = 0.0

    @property
    def best(self) -> Epoch:
        """The epoch whose weights are kept."""
        return max(self.history, key=lambda epoch: epoch.number if epoch.best else 0)

    def state(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """The epochs so far, and the weights of the best of them."""
        history = [asdict(epoch) for epoch in self.history]
        return {"history": history}, {str(n): value for n, value in enumerate(self._weights)}

    def restore_state(self, plain: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
        """Goes on from what `state` gave."""
        epochs = plain["history"]
        self.history = [Epoch(**{**e, "auxiliary": tuple(e.get("auxiliary", ()))}) for e in epochs]
        self._weights = [arrays[str(n)] for n in range(len(arrays))]

    def restore(self) -> None:
        """Gives the model the best epoch's weights."""
        for variable, value in zip(self.predictor.model.weights, self._weights, strict=True):
            variable.assign(value)

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self._began = time.monotonic()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        with self._scored_weights():
            self._end(epoch, logs)

    def _scored_weights(self) -> AbstractContextManager:
        average = self.model.regime.average
        return nullcontext() if average is None else average.in_place()

    def _end(self, epoch: int, logs: dict[str, Any] | None) -> None:
        plain = {name: float(value) for name, value in (logs or {}).items()}
        loss = plain.pop("loss")
        scores: Scores = {}
        if self.validation is not None:
            answers = self.predictor.answers(self.validation.rows)
            table, weights = self.validation.table, self.validation.weights
            scores = score(self._tasks, answers.logits, table, weights)
        reached = mean_gain(self._judging(scores), scores) if scores else None
        done = Epoch(
            number=epoch + 1,
            seconds=round(time.monotonic() - self._began, 3),
            learning_rate=rate_of(self.model.optimizer),
            loss=loss,
            logs=plain,
            scores=scores,
            gains=gains(self.predictor.tasks, scores),
            mean_gain=reached,
            best=self._is_best(reached),
            auxiliary=tuple(t for t, task in self.predictor.tasks.items() if task.auxiliary),
        )
        self.history.append(done)
        if done.best:
            self._weights = [np.array(v, copy=True) for v in self._values()]
        elif done.number - self.best.number >= self.patience:
            self.model.stop_training = True
        for tell in self.on_epoch:
            tell(self.history)

    @cached_property
    def _tasks(self) -> Mapping[str, Task]:
        """As they are asked about the validation rows: what they read of those they read once."""
        assert self.validation is not None
        return self.predictor.declaration.tasks_in(self.validation.table)

    def _judging(self, scored: Collection[str]) -> Mapping[str, Task]:
        """Of what is scored, the tasks that have a say in which epoch is kept."""
        judging = {
            name: task
            for name, task in self._tasks.items()
            if name in scored and name not in self._alike and not task.auxiliary
        }
        if not judging:
            return self._tasks
        if self._alike and not self.history:
            names = ", ".join(f"'{name}'" for name in self._alike)
            warnings.warn(
                f"All validation rows have one and the same label of {names}. Scores there tell no "
                "epoch from another, and are no part of the mean gain.",
                stacklevel=2,
            )
        return judging

    @cached_property
    def _alike(self) -> list[str]:
        assert self.validation is not None
        return alike(self._tasks, self.validation.table, self.validation.weights)

    def _is_best(self, reached: float | None) -> bool:
        # Among equals the later: its learning rate was lower, and it has seen more.
        earlier = [e.mean_gain for e in self.history if e.mean_gain is not None]
        return reached is None or not earlier or reached >= max(earlier)

    def _values(self) -> list[np.ndarray]:
        return [keras.ops.convert_to_numpy(v.value) for v in self.predictor.model.weights]
