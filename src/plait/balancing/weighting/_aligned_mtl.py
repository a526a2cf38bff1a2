"""Aligned-MTL: the gradients are turned into the nearest system of orthogonal, equally long ones."""

from typing import Any, Literal

import keras

from plait.balancing._balancer import Evidence, Level, StepContext
from plait.balancing._gramian_weighting import GramianWeighting
from plait.balancing._solvers import eigen, larger, on_active


@keras.saving.register_keras_serializable(package="plait")
class AlignedMTL(GramianWeighting):
    """w = s V L^(-1/2) V^T 1/T, with the Gramian V L V^T and s^2 one of its eigenvalues.

    Eigenvalues of at most 2e-6 of the largest count as 0 and are left out: a Gramian in float32 does
    not tell them from its rounding. So are the directions of nearly dependent gradients, and a task
    whose gradient is some 700 times shorter than the longest: its weight is then about 0, where the
    paper's rule brings all to one length. Of a Gramian of 0 all weights are 0.

    Args:
        scale: s^2 is the smallest ("min", the paper's), the middle ("median") or the mean ("rmse")
            of the eigenvalues that are not 0.
        level, weight_heads, refresh_every, gram_batch: see `GramianWeighting`.

    References:
        D. Senushkin et al., "Independent Component Alignment for Multi-Task Learning", CVPR 2023,
        Algorithm 1.
    """

    def __init__(
        self,
        scale: Literal["min", "median", "rmse"] = "min",
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
        if scale not in ("min", "median", "rmse"):
            raise ValueError(f"AlignedMTL: scale is 'min', 'median' or 'rmse'. Received: {scale!r}")
        self.scale = scale

    def weights(self, evidence: Evidence, context: StepContext) -> tuple[Any, list[Any]]:
        def solve(gramian: Any, ones: Any) -> Any:
            ops = keras.ops
            values, vectors = eigen(gramian, ones)
            there = values > 0
            inverse = ops.where(there, 1.0 / ops.sqrt(ops.where(there, values, 1.0)), 0.0)
            mean = ones / larger(ops.sum(ones), 1.0)
            along = (ops.transpose(vectors) @ mean[:, None])[:, 0]
            turned = (vectors @ (inverse * along)[:, None])[:, 0]
            return ops.sqrt(self._square(values, there)) * turned

        return on_active(solve, evidence.gramian, context.active), []

    def _square(self, values: Any, there: Any) -> Any:
        ops = keras.ops
        count = ops.sum(ops.cast(there, "int32"))
        if self.scale == "rmse":
            return ops.sum(values) / ops.cast(larger(count, 1), "float64")
        # Ascending, so those that are not 0 stand last.
        behind = 0 if self.scale == "min" else (count - 1) // 2
        place = ops.clip(values.shape[0] - count + behind, 0, values.shape[0] - 1)
        return ops.take(values, place)

    def get_config(self) -> dict[str, Any]:
        return {"scale": self.scale, **super().get_config()}
