"""What another model answers, as soft targets."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import keras
import numpy as np
import pyarrow as pa
from keras import ops

from plait._names import did_you_mean
from plait.errors import ConfigError, DataError
from plait.features import Feature
from plait.objectives._graph import Graph
from plait.objectives._objective import Objective
from plait.table import Column, Table
from plait.tasks import Targets, Task

_CLOSE = 1e-3
"""How far probabilities may be from adding up to 1."""


@dataclass(frozen=True)
class Distill(Objective):
    """A task should answer as a teacher does, which says how probable each class is.

    With z the task's logits, p the teacher's probabilities and T the temperature: T² times the
    Kullback-Leibler divergence of softmax(z / T) from p^(1/T), normalised, divided by the entropy
    of the training labels, as the task's own loss is. Of a number it is, on the
    task's scale, the squared error within one standard deviation, and the absolute one beyond. Rows
    for which the teacher says nothing do not count; rows without labels do.

    Args:
        task: the task that learns.
        teacher: a run or a saved model that answers a task of that name, on the rows of this run; give
            either it or `column`.
        column: the column of the teacher's answers, as `plait predict` writes them in
            `<task>.probabilities`: a record, or its JSON text, with a field for each class; of a
            number, the number.
        temperature: T; above 1 what the teacher holds for improbable counts for more.
        weight, fade: see `Objective`.

    Raises:
        ConfigError: no teacher or two, a temperature that cannot be; when it is fitted, a task of
        another
            kind.

    Example:
        Distill("kind", teacher="runs/large")

    References:
        G. Hinton, O. Vinyals, J. Dean, "Distilling the Knowledge in a Neural Network" (2015).
    """

    task: str
    teacher: str | None = None
    column: str | None = None
    temperature: float = 2.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if (self.teacher is None) == (self.column is None):
            raise ConfigError(
                "Distill: it learns from one teacher: a saved model, teacher=, or a column of "
                f"probabilities, column=. Received: teacher={self.teacher!r}, column={self.column!r}."
            )
        if not 0 < self.temperature < float("inf"):
            raise ConfigError(
                f"Distill: temperature is above 0. Received: {self.temperature!r}.",
                ("temperature",),
            )

    @property
    def of_tasks(self) -> tuple[str, ...]:
        return (self.task,)

    @property
    def teaching(self) -> str | None:
        return self.teacher

    def fit(self, table: Table, features: Mapping[str, Feature], tasks: Mapping[str, Task]) -> Self:
        task = tasks[self.task]
        if task.gives not in ("classes", "yes or no", "number"):
            raise ConfigError(
                f"Distill: '{self.task}' is a {type(task).__name__}, which gives no probabilities or "
                "number that it could read.",
                ("task",),
            )
        trivial = task.learnt["trivial_loss" if task.gives == "number" else "entropy"]
        return self.with_state({"gives": task.gives, "trivial": trivial})

    def output(self, graph: Graph) -> Any:
        return graph.logits(self.task)

    def loss(self) -> keras.losses.Loss:
        return SoftTargets(self.learnt["gives"], self.temperature, self.learnt["trivial"])

    def targets(self, table: Table, tasks: Mapping[str, Task], taught: pa.Table | None) -> Targets:
        task = tasks[self.task]
        if self.column is not None:
            cells = table.column(self.column)
        else:
            name = self.task if task.gives == "number" else f"{self.task}.probabilities"
            if taught is None or name not in taught.column_names:
                raise DataError(
                    f"Distill: the teacher '{self.teacher}' has no answer to a task '{self.task}' of "
                    f"this kind. It answers: {', '.join(taught.column_names if taught else ())}."
                )
            cells = Column(name, taught[name], table.rows, f"the answers of {self.teacher}")
        return task.targets(cells) if task.gives == "number" else _probabilities(cells, task)


def _probabilities(cells: Column, task: Task) -> Targets:
    """`(rows, answers)` in the order of the task's logits, of records by class."""
    names = [str(c) for c in task.learnt["labels" if "labels" in task.learnt else "classes"]]
    records = [
        json.loads(cell) if isinstance(cell, str) and cell else cell or None
        for cell in cells.values.to_pylist()
    ]
    labelled = np.array([record is not None for record in records], bool)
    values = np.zeros((len(records), len(names)), "float32")
    for row in np.flatnonzero(labelled):
        values[row] = _read(records[row], names, cells, int(row), one=task.one_class)
    if task.gives == "yes or no" and task.one_class:
        values = values[:, 1:]
    return Targets(values, labelled)


def _read(record: Any, names: list[str], cells: Column, row: int, one: bool) -> list[float]:
    if not isinstance(record, Mapping):
        raise DataError(
            f"{cells.where(row)}: Distill expects a record with a probability for each class, such as "
            f"{{{names[0]!r}: 0.9, ...}}. Received: {record!r}."
        )
    for name in record:
        if name not in names:
            raise DataError(
                f"{cells.where(row)}: the teacher answers '{name}', which is no class of the training "
                f"labels.{did_you_mean(str(name), names)}"
            )
    found = [record.get(name) or 0.0 for name in names]
    sums = not one or abs(sum(found) - 1) < _CLOSE
    if not sums or not all(0 <= p <= 1 + _CLOSE for p in found):
        raise DataError(
            f"{cells.where(row)}: probabilities are from 0 to 1"
            f"{' and add up to 1' if one else ''}. Received: {record!r}."
        )
    return found


@keras.saving.register_keras_serializable(package="plait")
class SoftTargets(keras.losses.Loss):
    """The loss of `Distill`.

    Args:
        gives: what the task's logits say.
        temperature: T.
        trivial: what it is divided by.

    Call arguments:
        y_true: probabilities, `(batch, answers)`; of a number `(batch,)` or `(batch, 1)`, standardised.
        y_pred: logits, `(batch, answers)`.

    Returns:
        `(batch,)` float32 from `call`.
    """

    def __init__(
        self,
        gives: str,
        temperature: float = 1.0,
        trivial: float = 1.0,
        name: str = "soft_targets",
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **kwargs)
        self.gives = gives
        self.temperature = temperature
        self.trivial = trivial

    def call(self, y_true: Any, y_pred: Any) -> Any:
        z = ops.cast(y_pred, "float32")
        p = ops.reshape(ops.cast(y_true, "float32"), ops.shape(z))
        if self.gives == "number":
            error = ops.absolute(z - p)[:, 0]
            return ops.where(error <= 1, ops.square(error) / 2, error - 0.5) / self.trivial
        both = self.gives == "yes or no"
        if both:
            p, z = ops.stack([1 - p, p], axis=-1), ops.stack([ops.zeros_like(z), z], axis=-1)
        soft = ops.log_softmax(ops.log(ops.maximum(p, 1e-7)) / self.temperature, axis=-1)
        said = ops.log_softmax(z / self.temperature, axis=-1)
        losses = ops.sum(ops.exp(soft) * (soft - said), axis=-1)
        losses = ops.mean(losses, axis=-1) if both else losses
        return losses * (self.temperature**2 / self.trivial)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "gives": self.gives,
            "temperature": self.temperature,
            "trivial": self.trivial,
        }
