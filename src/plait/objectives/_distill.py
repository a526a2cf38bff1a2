"""What another model answers, as soft targets."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import keras
import pyarrow as pa

from plait.errors import ConfigError, DataError
from plait.features import Feature
from plait.objectives._graph import Graph
from plait.objectives._objective import Objective
from plait.objectives._soft_targets import SoftTargets
from plait.objectives._teacher_answers import answer_column, taught_targets
from plait.table import Column, Table
from plait.tasks import DenseTask, Quantiles, Targets, Task


@dataclass(frozen=True)
class Distill(Objective):
    """A task should answer as a teacher does, which says how probable each class is.

    It is of a Binary, Multiclass, Multilabel, Ordinal, Regression, Count or Quantiles. With p the
    teacher's probabilities, q the task's and T the temperature: T² times the Kullback-Leibler
    divergence of q^(1/T) from p^(1/T), both normalised, divided by the entropy of the training
    labels, as the task's own loss is. Of a number it is, on the task's scale, the squared error within
    one standard deviation, and the absolute one beyond; of quantiles the mean of that over the
    levels. Of a count, with m the teacher's mean and n the task's, it is m log(m / n) - m + n, the
    divergence of two Poisson distributions, divided by its mean for the training labels and the answer
    that is always their mean. Rows for which the teacher says nothing do not count; rows without
    labels do.

    Args:
        task: the task that learns.
        teacher: a run or a saved model that answers a task of that name, on the rows of this run; give
            either it or `column`.
        column: the column of the teacher's answers, as `plait predict` writes them in
            `<task>.probabilities`: a record, or its JSON text, with a field for each class; of
            Quantiles as in `<task>.quantiles`, with a field for each level; of a Regression the
            number, of a Count the mean.
        temperature: T; above 1 what the teacher holds for improbable counts for more. Numbers, counts
            and quantiles have none.
        weight, fade: see `Objective`.

    Raises:
        ConfigError: no teacher or two, a temperature that cannot be; when it is fitted, a task of
            another kind.

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
        if not _can_be_taught(task):
            raise ConfigError(
                "Distill: it is of a Binary, Multiclass, Multilabel, Ordinal, Regression, Count or "
                f"Quantiles. '{self.task}' is of the kind {type(task).__name__}.",
                ("task",),
            )
        return self.with_state({"gives": task.gives, "trivial": _trivial(task)})

    def output(self, graph: Graph) -> Any:
        return graph.logits(self.task)

    def loss(self) -> keras.losses.Loss:
        return SoftTargets(self.learnt["gives"], self.temperature, self.learnt["trivial"])

    def targets(self, table: Table, tasks: Mapping[str, Task], taught: pa.Table | None) -> Targets:
        task = tasks[self.task]
        if self.column is not None:
            cells = table.column(self.column)
        else:
            name = answer_column(self.task, task)
            if taught is None or name not in taught.column_names:
                raise DataError(
                    f"Distill: the teacher '{self.teacher}' has no answer to a task '{self.task}' of "
                    f"this kind. It answers: {', '.join(taught.column_names if taught else ())}."
                )
            cells = Column(name, taught[name], table.rows, f"the answers of {self.teacher}")
        return taught_targets(cells, task)


def _can_be_taught(task: Task) -> bool:
    levels = task.gives != "numbers" or isinstance(task, Quantiles)
    return task.gives is not None and levels and not isinstance(task, DenseTask)


def _trivial(task: Task) -> float:
    """What the loss is divided by: about that of an answer that looks at nothing."""
    if task.gives == "numbers":
        # Labels of variance 1 are so far from their mean.
        return 0.5
    if task.gives == "log mean":
        # A deviance is twice the divergence.
        return float(task.learnt["trivial_deviance"]) / 2
    return float(task.learnt["trivial_loss" if task.gives == "number" else "entropy"])
