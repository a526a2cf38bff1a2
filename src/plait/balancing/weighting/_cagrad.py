"""CAGrad: near the mean gradient, the direction in which the worst task gains most."""

from typing import Any

import keras

from plait.balancing._balancer import Evidence, Level, StepContext
from plait.balancing._gramian_weighting import GramianWeighting
from plait.balancing._solvers import larger, on_active
from plait.balancing._worst_case import worst_case_shares


@keras.saving.register_keras_serializable(package="plait")
class CAGrad(GramianWeighting):
    """Maximises min_i <g_i, d> over ||d - g_0|| <= c ||g_0||, with g_0 the mean of the gradients.

    d = g_0 + c ||g_0|| g_w / ||g_w||, where g_w = sum_i w_i g_i and w minimises
    g_w . g_0 + c ||g_0|| ||g_w|| on the simplex.

    Args:
        c: the radius, as a share of g_0's length.
        norm_eps: where ||g_w||^2 is at most this share of the Gramian's trace, the point is Pareto
            stationary and all weights are 0.
        level, weight_heads, refresh_every, gram_batch: see `GramianWeighting`.

    References:
        B. Liu, X. Liu, X. Jin, P. Stone, Q. Liu, "Conflict-Averse Gradient Descent for Multi-task
        Learning", NeurIPS 2021, Algorithm 1.
    """

    def __init__(
        self,
        c: float = 0.4,
        norm_eps: float = 1e-8,
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
        if not c >= 0:
            raise ValueError(f"CAGrad: c is at least 0. Received: {c!r}")
        self.c = c
        self.norm_eps = norm_eps

    def weights(self, evidence: Evidence, context: StepContext) -> tuple[Any, list[Any]]:
        def solve(gramian: Any, ones: Any) -> Any:
            ops = keras.ops
            mean = ones / larger(ops.sum(ones), 1.0)
            square = ops.sum(mean * (gramian @ mean[:, None])[:, 0])
            radius = self.c * ops.sqrt(larger(square, 0.0))
            shares = worst_case_shares(gramian, ones, radius)
            length = ops.sum(shares * (gramian @ shares[:, None])[:, 0])
            moving = length > self.norm_eps * ops.trace(gramian)
            weights = mean + radius / ops.sqrt(ops.where(moving, length, 1.0)) * shares
            return ops.where(moving, weights, 0.0)

        return on_active(solve, evidence.gramian, context.active), []

    def get_config(self) -> dict[str, Any]:
        return {"c": self.c, "norm_eps": self.norm_eps, **super().get_config()}
