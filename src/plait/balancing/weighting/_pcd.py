"""PCD: near the primary task's gradient, as far as every other task makes its share of progress."""

from typing import Any

import keras
import numpy as np

from plait._names import did_you_mean
from plait.backend import in_float64
from plait.balancing._balancer import Evidence, Level, StepContext
from plait.balancing._gramian_weighting import GramianWeighting
from plait.balancing._solvers import larger, nonnegative_qp, normalised, positive_or_one
from plait.errors import BalancingError

_ROUNDING = 1e-6
"""A combination of gradients is 0 where its squared length is this share of its parts'."""


@keras.saving.register_keras_serializable(package="plait")
class PCD(GramianWeighting):
    """Priority-constrained descent: d minimises ||d - g_1||^2 over g_j . d >= tau ||g_j||^2.

    Here g_1 is the primary task's gradient, j are the other tasks, and every gradient is divided by
    the root of a running mean of its squared length. The direction is d at the primary gradient's
    own length, which is the step's whole length: a batch without labels of the primary task does
    not move the shared variables. Where the constraints contradict each other, d is g_1.

    Args:
        primary: the name of the task that comes first.
        tau: the progress of the other tasks, as a share of that along their own gradients; 0 to 1.
        beta: the decay of the running mean, at least 0 and less than 1.
        eps: added to the running mean.
        level, weight_heads, refresh_every, gram_batch: see `GramianWeighting`.

    Raises:
        ValueError: tau or beta is out of its range.
        BalancingError: when built, if no task is called `primary`.

    Example:
        >>> import plait
        >>> plait.PCD(primary="season").get_config()["tau"]
        0.02

    References:
        D. Varam, M. I. AlHajri, "Not All Objectives Are Born Equal: Priority-Constrained Descent for
        Hierarchical Multi-Objective Optimization", TMLR 2026. The paper solves the program by
        enumerating the sets of active constraints; the solver here gives the same point.
    """

    def __init__(
        self,
        primary: str,
        tau: float = 0.02,
        beta: float = 0.999,
        eps: float = 1e-8,
        *,
        level: Level = "representation",
        weight_heads: bool = False,
        refresh_every: int = 1,
        gram_batch: int | None = None,
    ) -> None:
        super().__init__(
            level=level,
            weight_heads=weight_heads,
            refresh_every=refresh_every,
            gram_batch=gram_batch,
        )
        if not 0 <= tau <= 1:
            raise ValueError(f"PCD: tau is from 0 to 1. Received: {tau!r}")
        if not 0 <= beta < 1:
            raise ValueError(f"PCD: beta is at least 0 and less than 1. Received: {beta!r}")
        self.primary = primary
        self.tau = tau
        self.beta = beta
        self.eps = eps

    def build(self, tasks: tuple[str, ...]) -> None:
        if self.primary not in tasks:
            raise BalancingError(
                f"PCD: primary names '{self.primary}', which no task is called."
                f"{did_you_mean(self.primary, tasks)}"
            )
        super().build(tasks)
        self._first = np.array([task == self.primary for task in tasks], "float32")
        self._squares, self._counts = (
            keras.Variable("zeros", shape=(len(tasks),), dtype="float32", name=name)
            for name in ("squares", "counts")
        )

    @property
    def variables(self) -> list[keras.Variable]:
        return [self._squares, self._counts] if self.tasks else []

    def weights(self, evidence: Evidence, context: StepContext) -> tuple[Any, list[Any]]:
        ops = keras.ops
        inside = ops.cast(context.active, "float32")
        squares, counts = (ops.convert_to_tensor(v) for v in self.variables)
        seen = ops.diagonal(evidence.gramian)
        squares = ops.where(context.active, self.beta * squares + (1 - self.beta) * seen, squares)
        counts = counts + inside
        self._squares.assign(squares)
        self._counts.assign(counts)
        first = ops.convert_to_tensor(self._first)
        return in_float64(self._direction, evidence.gramian, inside, first, squares, counts), []

    def get_config(self) -> dict[str, Any]:
        return {
            "primary": self.primary,
            "tau": self.tau,
            "beta": self.beta,
            "eps": self.eps,
            **super().get_config(),
        }

    def _direction(self, gramian: Any, ones: Any, first: Any, squares: Any, counts: Any) -> Any:
        """The weights, from the running means and how many steps they are of."""
        ops = keras.ops
        means = squares / (1.0 - self.beta ** larger(counts, 1.0)) + self.eps
        scales = ones / ops.sqrt(positive_or_one(means))
        scaled = gramian * scales[:, None] * scales[None, :]
        pushes = _pushes(scaled, first, ones - first * ones, self.tau)
        combined = first + pushes
        square = ops.sum(combined * (scaled @ combined[:, None])[:, 0])
        parts = ops.sum(combined * ops.sqrt(larger(ops.diagonal(scaled), 0.0)))
        length = ops.sqrt(larger(ops.sum(first * ones * ops.diagonal(gramian)), 0.0))
        there = square > _ROUNDING * parts**2
        stretch = ops.where(there, length / ops.sqrt(positive_or_one(square)), 0.0)
        return stretch * scales * combined


def _pushes(gramian: Any, first: Any, others: Any, tau: float) -> Any:
    """The multipliers `(tasks,)` of the others' constraints; 0 where these contradict each other.

    They minimise m^T G m / 2 - b^T m over m >= 0, with b what g_1 lacks of each constraint. That has
    no end where some m with b^T m > 0 makes G m zero. So its direction is sought first, as that of
    the least m^T G m for its b^T m, in the way of `shortest_combination`, and then its length.
    """
    ops = keras.ops
    cosines, inverse = normalised(gramian)
    lengths = ops.sqrt(larger(ops.diagonal(gramian), 0.0))
    along = (cosines @ (first * lengths)[:, None])[:, 0]
    lack = others * (tau * lengths - along)
    most = positive_or_one(ops.max(lack))
    share = lack / most
    inner = cosines * others[:, None] * others[None, :]
    # In float32, the Gramian of linearly dependent gradients has negative eigenvalues.
    matrix = inner + share[:, None] * share[None, :] + _ROUNDING * ops.diag(others)
    found = nonnegative_qp(matrix[None], share[None])[0] * others
    square = ops.sum(found * (inner @ found[:, None])[:, 0])
    possible = square > _ROUNDING * ops.sum(found) ** 2
    length = most * ops.sum(share * found) / ops.where(possible, square, 1.0)
    return ops.where(possible, length * found * inverse, 0.0)
