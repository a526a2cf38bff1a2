"""Two answers that must agree."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Self

import numpy as np
from keras import ops

from plait._names import did_you_mean
from plait.errors import ConfigError, DataError
from plait.features import Feature
from plait.objectives._answers import classes_of, distribution, shares_of
from plait.objectives._graph import Graph
from plait.objectives._row_objective import RowObjective
from plait.table import Table
from plait.tasks import DenseTask, Task

Rule = Literal["counts", "equal"]
_TINY = 1e-7


@dataclass(frozen=True)
class Consistency(RowObjective):
    """What one task answers should say the same as what another one answers, in every row.

    Of two tasks whose answer is one of several classes, p the probabilities of the first: p · M are
    those of the second that they imply, where M_cd says how probable d is given c. With q what the
    second answers itself the loss is their Jensen-Shannon divergence in bits, from 0 where they
    agree to 1 where each says that the other's answer cannot be. Of two numbers it is the squared
    error of their difference within one standard deviation of the second, and the absolute one
    beyond; a number is that of a Regression, the median of Quantiles, the mean of a Count, or how many
    boxes Boxes finds. Both tasks learn from it, on rows with or without labels.

    Args:
        task_a: the task that implies the other's answer, such as a child class.
        task_b: the other one, such as its parent.
        rule: what a's answer says about b's. "counts": how often the training rows that have both
            labels have each pair. "equal": the same class, or the same number. `{class of a: class
            of b}`: the second where the first is true. A class that the rule does not know says
            nothing about b: the training shares of b.
        label: of a task that finds things of several kinds, such as Boxes, the one whose things are
            counted; all of them if None.
        weight, fade: see `Objective`.

    Raises:
        ConfigError: one task twice; when it is fitted, tasks of kinds that cannot agree, or a rule that
            names a class that there is not.
        DataError: "counts", and no training row has both labels.

    Example:
        Consistency("article", "master_category", rule="counts")
        Consistency("red_cells", "boxes", rule="equal", label="RBC")

    References:
        J. Lin, "Divergence Measures Based on the Shannon Entropy" (1991).
    """

    task_a: str
    task_b: str
    rule: Rule | Mapping[str, Any] = "counts"
    label: str | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.task_a == self.task_b:
            raise ConfigError(
                f"Consistency: two tasks have to agree. Received: '{self.task_a}' twice.",
                ("task_b",),
            )
        if self.label is not None and self.rule != "equal":
            raise ConfigError(
                "Consistency: label says which boxes are counted, for rule='equal'. "
                f"Received: rule={self.rule!r}.",
                ("label",),
            )
        if not isinstance(self.rule, Mapping) and self.rule not in ("counts", "equal"):
            raise ConfigError(
                "Consistency: rule is 'counts', 'equal' or a mapping from classes to classes. "
                f"Received: {self.rule!r}.",
                ("rule",),
            )

    @property
    def of_tasks(self) -> tuple[str, ...]:
        return self.task_a, self.task_b

    def fit(self, table: Table, features: Mapping[str, Feature], tasks: Mapping[str, Task]) -> Self:
        a, b = tasks[self.task_a], tasks[self.task_b]
        if self.label is not None and not (a.finds_kinds or b.finds_kinds):
            raise ConfigError(
                "Consistency: label says which things are counted, and neither task finds things of "
                f"several kinds. Received: {self.label!r}.",
                ("label",),
            )
        gives = [a.gives, b.gives]
        spreads = [
            self._spread(name, task) for name, task in zip(self.of_tasks, (a, b), strict=True)
        ]
        if self.rule == "equal" and None not in spreads:
            return self.with_state({"spread": spreads[1]})
        known, implied = classes_of(a), classes_of(b)
        if known is None or implied is None:
            raise ConfigError(
                f"Consistency: '{self.task_a}' and '{self.task_b}' are {type(a).__name__} and "
                f"{type(b).__name__}. Two answers that are one of several classes can agree by any "
                "rule, and two numbers by rule='equal'.",
                ("rule",),
            )
        says = np.zeros((len(known), len(implied)))
        if self.rule == "counts":
            says += self._counts(table, a, b, says.shape)
        else:
            for place, label in enumerate(known):
                said = label if self.rule == "equal" else self._said(label, known)
                if said is not None:
                    says[place, self._place(said, implied)] = 1
        nothing = says.sum(axis=1, keepdims=True) == 0
        says = np.where(nothing, shares_of(b), says)
        return self.with_state(
            {"gives": gives, "says": (says / says.sum(axis=1, keepdims=True)).tolist()}
        )

    def read(self, graph: Graph) -> dict[str, Any]:
        tasks = {"a": graph.tasks[self.task_a], "b": graph.tasks[self.task_b]}
        seen = {"a": graph.logits(self.task_a), "b": graph.logits(self.task_b)}
        if "spread" in self.learnt:
            seen = {n: tasks[n].amount(z, self._label(tasks[n])) for n, z in seen.items()}
        # A task of a feature says nothing of a row that lacks it.
        there = {
            f"{name} there": graph.feature(task.of).present
            for name, task in tasks.items()
            if isinstance(task, DenseTask) and task.needs_feature
        }
        return {**seen, **there}

    def losses(self, seen: Mapping[str, Any]) -> tuple[Any, Any]:
        if "spread" in self.learnt:
            error = ops.absolute(seen["a"] - seen["b"]) / self.learnt["spread"]
            loss = ops.where(error <= 1, ops.square(error) / 2, error - 0.5)
            counts = ops.ones_like(error, dtype="bool")
            for name in ("a there", "b there"):
                counts = ops.logical_and(counts, seen.get(name, True))
            return ops.where(counts, loss, 0.0), counts
        every = ops.ones_like(seen["a"][:, 0], dtype="bool")
        a, b = (
            distribution(gives, seen[name])
            for name, gives in zip(("a", "b"), self.learnt["gives"], strict=True)
        )
        implied = ops.matmul(a, ops.convert_to_tensor(np.array(self.learnt["says"], "float32")))
        middle = (implied + b) / 2
        return (_bits(implied, middle) + _bits(b, middle)) / 2, every

    def _label(self, task: Task) -> str | None:
        return self.label if task.finds_kinds else None

    def _spread(self, name: str, task: Task) -> float | None:
        """The deviation of the number that a task says; None for one that says none."""
        found = task.spread(self._label(task))
        if found is None and task.quantity and self.rule == "equal":
            raise ConfigError(
                f"Consistency: numbers are compared on one line, and '{name}' is learnt on another, "
                f"transform={getattr(task, 'transform', None)!r}. Leave the transform out.",
                ("rule",),
            )
        return found

    def _counts(self, table: Table, a: Task, b: Task, shape: tuple[int, int]) -> np.ndarray:
        columns = (a.column or self.task_a, b.column or self.task_b)
        one, other = (t.targets(table.column(c)) for t, c in zip((a, b), columns, strict=True))
        both = one.labelled & other.labelled
        if not both.any():
            raise DataError(
                f"Consistency: no training row of {table.name} has a label of both '{self.task_a}' and "
                f"'{self.task_b}', so nothing can be counted. Give the rule as a mapping."
            )
        counts = np.zeros(shape)
        pairs = (np.asarray(targets.values)[both].astype(int) for targets in (one, other))
        np.add.at(counts, tuple(pairs), 1)
        return counts

    @property
    def _mapping(self) -> Mapping[str, Any]:
        return self.rule if isinstance(self.rule, Mapping) else {}

    def _said(self, label: str, known: list[str]) -> str | None:
        rule = {str(key): str(value) for key, value in self._mapping.items()}
        for key in rule:
            if key not in known:
                raise ConfigError(
                    f"Consistency: the rule speaks of '{key}', and '{self.task_a}' has no such class."
                    f"{did_you_mean(key, known)}",
                    ("rule",),
                )
        return rule.get(label)

    def _place(self, label: str, implied: list[str]) -> int:
        if label not in implied:
            raise ConfigError(
                f"Consistency: the rule says '{label}', and '{self.task_b}' has no such class."
                f"{did_you_mean(label, implied)}",
                ("rule",),
            )
        return implied.index(label)


def _bits(p: Any, q: Any) -> Any:
    """The Kullback-Leibler divergence of p from q, in bits."""
    ratio = ops.log(p + _TINY) - ops.log(q + _TINY)
    return ops.sum(p * ratio, axis=-1) / math.log(2)
