"""Projections of weighted gradients onto the cone of directions that harm no task."""

import abc
from typing import Any

import keras

from plait.balancing._balancer import Evidence, Level, StepContext
from plait.balancing._gramian_weighting import GramianWeighting
from plait.balancing._solvers import larger, nonnegative_qp, on_active


class DualConeWeighting(GramianWeighting):
    """The sum of the projections of some weighted gradients onto the dual cone.

    The dual cone holds the directions that increase no task's loss to first order.
    """

    def __init__(
        self,
        norm_eps: float = 1e-30,
        reg_eps: float = 1e-7,
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
        self.norm_eps = norm_eps
        self.reg_eps = reg_eps

    def weights(self, evidence: Evidence, context: StepContext) -> tuple[Any, list[Any]]:
        def solve(gramian: Any, ones: Any) -> Any:
            targets = self.projected(ones / larger(keras.ops.sum(ones), 1.0))
            found = dual_cone_weights(gramian, ones, targets, self.norm_eps, self.reg_eps)
            return keras.ops.sum(found, axis=0)

        return on_active(solve, evidence.gramian, context.active), []

    @abc.abstractmethod
    def projected(self, mean: Any) -> Any:
        """The weights `(problems, tasks)` of what is projected, from those of the mean `(tasks,)`."""

    def get_config(self) -> dict[str, Any]:
        return {"norm_eps": self.norm_eps, "reg_eps": self.reg_eps, **super().get_config()}


def dual_cone_weights(
    gramian: Any, ones: Any, targets: Any, norm_eps: float, reg_eps: float
) -> Any:
    """Minimises v^T (G / tr G + reg_eps I) v over v >= u, for each row u of `targets`.

    Args:
        gramian: `(tasks, tasks)`, float64.
        ones: `(tasks,)`, 1 for active tasks and 0 for others.
        targets: `(problems, tasks)`, the weights of what is projected.
        norm_eps: a trace of at most this counts as 0; then `targets` come back.
        reg_eps: makes the solution unique.

    Returns:
        `(problems, tasks)`.
    """
    ops = keras.ops
    trace = ops.trace(gramian)
    there = trace > norm_eps
    normal = gramian / ops.where(there, trace, 1.0) + reg_eps * ops.diag(ones)
    matrix = ops.broadcast_to(normal, (targets.shape[0], *normal.shape))
    # v = u + x with x >= 0.
    found = nonnegative_qp(matrix, -(targets @ normal))
    return targets + ops.where(there, found, 0.0)
