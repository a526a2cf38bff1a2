"""Two answers that must agree."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Self, get_args

import numpy as np
from keras import ops

from plait.errors import ConfigError
from plait.features import Feature
from plait.objectives._answers import classes_of, distribution
from plait.objectives._graph import Graph
from plait.objectives._implied_shares import implied_shares
from plait.objectives._row_objective import RowObjective
from plait.table import Table
from plait.tasks import DenseTask, Task

Rule = Literal["counts", "equal", "extent"]
_TINY = 1e-7
_SLICES = 32
"""Of each side of a picture in which two answers are compared."""


@dataclass(frozen=True)
class Consistency(RowObjective):
    """What one task answers should say the same as what another one answers, in every row.

    Of two tasks whose answer is one of several classes, p the probabilities of the first: p · M are
    those of the second that they imply, where M_cd says how probable d is given c. With q what the
    second answers itself the loss is their Jensen-Shannon divergence in bits, from 0 where they
    agree to 1 where each says that the other's answer cannot be. Of two numbers it is the squared
    error of their difference within one standard deviation of the second, and the absolute one
    beyond; a number is that of a Regression, the median of Quantiles, the mean of a Count, or how many
    boxes Boxes finds. Of boxes and a mask of one picture it is 1 - Dice of where the things of a label
    lie from left to right and from top to bottom, (2 sum ab + 1) / (sum a^2 + sum b^2 + 1), the mean of
    the two sides: a and b say how probably each of 32 slices holds a part of such a thing. Both tasks
    learn from it, on rows with or without labels.

    Args:
        task_a: the task that implies the other's answer, such as a child class.
        task_b: the other one, such as its parent.
        rule: what a's answer says about b's. "counts": how often the training rows that have both
            labels have each pair. "equal": the same class, or the same number. "extent": the same
            place in the picture. `{class of a: class of b}`: the second where the first is true. A
            class that the rule does not know says nothing about b: the training shares of b.
        label: of a task that finds things of several kinds, such as Boxes, the one whose things are
            counted, all of them if None; of "extent" the things that are looked for, a class of the
            mask, and a label of the boxes if those have any.
        weight, fade: see `Objective`.

    Raises:
        ConfigError: one task twice; when it is fitted, tasks of kinds that cannot agree, or a rule that
            names a class that there is not.
        DataError: "counts", and no training row has both labels.

    Example:
        Consistency("article", "master_category", rule="counts")
        Consistency("red_cells", "boxes", rule="equal", label="RBC")
        Consistency("mask", "car_boxes", rule="extent", label="car")

    References:
        J. Lin, "Divergence Measures Based on the Shannon Entropy" (1991). Z. Tian, C. Shen, X. Wang,
        H. Chen, "BoxInst: High-Performance Instance Segmentation with Box Annotations" (2021), for the
        extents, there of a mask and a given box.
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
        if self.label is not None and self.rule not in ("equal", "extent"):
            raise ConfigError(
                "Consistency: label says which boxes are counted, for rule='equal', or looked for, for "
                f"rule='extent'. Received: rule={self.rule!r}.",
                ("label",),
            )
        if self.label is None and self.rule == "extent":
            raise ConfigError(
                "Consistency: rule='extent' asks for a label, the class of the mask whose things the "
                "boxes are around, such as label='car'. Received: None.",
                ("label",),
            )
        if not isinstance(self.rule, Mapping) and self.rule not in get_args(Rule):
            raise ConfigError(
                "Consistency: rule is 'counts', 'equal', 'extent' or a mapping of classes to classes. "
                f"Received: {self.rule!r}.",
                ("rule",),
            )

    @property
    def of_tasks(self) -> tuple[str, ...]:
        return self.task_a, self.task_b

    def fit(self, table: Table, features: Mapping[str, Feature], tasks: Mapping[str, Task]) -> Self:
        a, b = tasks[self.task_a], tasks[self.task_b]
        if self.rule == "extent":
            self._check_places(a, b)
            return self.with_state({"slices": _SLICES})
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
        names = (self.task_a, self.task_b)
        says = implied_shares(self.rule, table, names, (a, b), (known, implied))
        return self.with_state({"gives": gives, "says": says.tolist()})

    def read(self, graph: Graph) -> dict[str, Any]:
        tasks = {"a": graph.tasks[self.task_a], "b": graph.tasks[self.task_b]}
        seen = {"a": graph.logits(self.task_a), "b": graph.logits(self.task_b)}
        if "spread" in self.learnt:
            seen = {n: tasks[n].amount(z, self._label(tasks[n])) for n, z in seen.items()}
        elif "slices" in self.learnt:
            label, slices = str(self.label), self.learnt["slices"]
            seen = {n: tasks[n].extents(z, label, slices) for n, z in seen.items()}
        # A task of a feature says nothing of a row that lacks it.
        there = {
            f"{name} there": graph.feature(task.of).present
            for name, task in tasks.items()
            if isinstance(task, DenseTask) and task.needs_feature
        }
        return {**seen, **there}

    def losses(self, seen: Mapping[str, Any]) -> tuple[Any, Any]:
        if "says" not in self.learnt:
            loss = self._apart(seen["a"], seen["b"])
            counts = ops.ones_like(loss, dtype="bool")
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

    def _apart(self, a: Any, b: Any) -> Any:
        """How far two numbers are apart, or two extents, `(batch,)`."""
        if "spread" in self.learnt:
            error = ops.absolute(a - b) / self.learnt["spread"]
            return ops.where(error <= 1, ops.square(error) / 2, error - 0.5)
        both = ops.sum(a * b, axis=-1)
        # One more above and below, so that little here and little there is no disagreement.
        sizes = ops.sum(ops.square(a), axis=-1) + ops.sum(ops.square(b), axis=-1)
        return ops.mean(1 - (2 * both + 1) / (sizes + 1), axis=-1)

    def _check_places(self, a: Task, b: Task) -> None:
        """Whether two tasks say where the things of the label are in one picture."""
        of = [getattr(task, "of", None) for task in (a, b)]
        if not (a.lies_in_picture and b.lies_in_picture and of[0] == of[1]):
            raise ConfigError(
                f"Consistency: rule='extent' compares where things are in one picture, by Boxes or by "
                f"Segmentation of the same feature. '{self.task_a}' and '{self.task_b}' are "
                f"{type(a).__name__} of {of[0]!r} and {type(b).__name__} of {of[1]!r}.",
                ("rule",),
            )
        for task in (a, b):
            task.extent_kind(str(self.label))

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


def _bits(p: Any, q: Any) -> Any:
    """The Kullback-Leibler divergence of p from q, in bits."""
    ratio = ops.log(p + _TINY) - ops.log(q + _TINY)
    return ops.sum(p * ratio, axis=-1) / math.log(2)
