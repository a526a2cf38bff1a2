"""CAGrad: near the mean gradient, the direction in which the worst task gains most."""

from typing import Any

import keras

from plait.balancing._balancer import Evidence, Level, StepContext
from plait.balancing._gramian_weighting import GramianWeighting
from plait.balancing._solvers import larger, on_active, positive_or_one
from plait.balancing._worst_case import worst_case_shares


@keras.saving.register_keras_serializable(package="plait")
class CAGrad(GramianWeighting):
    """Maximises min_i <g_i, d> over ||d - g_0|| <= c ||g_0||, with g_0 the mean of the gradients.

    d = g_0 + c ||g_0|| g_w / ||g_w||, where g_w = sum_i w_i g_i and w minimises
    g_w . g_0 + c ||g_0|| ||g_w|| on the simplex.

    Where g_w = 0 no direction of the ball gains anything for the worst task: some gradients cancel
    each other, or one is 0. The paper's d is not defined there. It is g_0 here, as in the authors'
    code, where g_w stands over ||g_w|| + 1e-8; g_0 is in the ball, but it may harm a task that
    another direction of the ball does not. TorchJD returns 0, which for c < 1 is not in the ball.

    Args:
        c: the radius, as a share of g_0's length.
        norm_eps: g_w counts as 0 where ||g_w||^2 is at most this share of (sum_i w_i ||g_i||)^2, and
            g_0 alike: what is then left of the parts is mostly the rounding of their products in
            float32. One short gradient among long ones does not.
        level, weight_heads, refresh_every, gram_batch: see `GramianWeighting`.

    References:
        B. Liu, X. Liu, X. Jin, P. Stone, Q. Liu, "Conflict-Averse Gradient Descent for Multi-task
        Learning", NeurIPS 2021, Algorithm 1.
    """

    def __init__(
        self,
        c: float = 0.4,
        norm_eps: float = 1e-5,
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
            norms = ops.sqrt(larger(ops.diagonal(gramian), 0.0))

            def length(shares: Any) -> Any:
                square = ops.sum(shares * (gramian @ shares[:, None])[:, 0])
                rounding = self.norm_eps * ops.sum(shares * norms) ** 2
                return ops.sqrt(ops.where(square > rounding, square, 0.0))

            mean = ones / larger(ops.sum(ones), 1.0)
            radius = self.c * length(mean)
            shares = worst_case_shares(gramian, ones, radius)
            # A gradient of 0 has all of the share or none, up to the solver's accuracy.
            idle = ops.sum(ops.where(norms > 0, 0.0, shares)) > 0.5
            found = ops.where(idle, 0.0, length(shares))
            return mean + ops.where(found > 0, radius / positive_or_one(found), 0.0) * shares

        return on_active(solve, evidence.gramian, context.active), []

    def get_config(self) -> dict[str, Any]:
        return {"c": self.c, "norm_eps": self.norm_eps, **super().get_config()}
