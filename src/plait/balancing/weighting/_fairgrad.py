"""FairGrad: the tasks' gains are divided by alpha-fairness."""

from typing import Any

import keras

from plait.balancing._balancer import Evidence, Level, StepContext
from plait.balancing._fair import fair_weights
from plait.balancing._gramian_weighting import GramianWeighting
from plait.balancing._solvers import on_active


@keras.saving.register_keras_serializable(package="plait")
class FairGrad(GramianWeighting):
    """w > 0 with G w = w^(-1 / alpha); alpha = 1 is Nash-MTL, a large one favours the worst task.

    Where no direction serves all tasks no such w exists, and all weights are 0. A zero gradient gets
    weight 0.

    With a large alpha the weights of gradients of unlike lengths differ by many orders of magnitude
    (alpha = 5 and lengths that differ by 1e3 to 1e8: by up to 1e100). A weight that float32 does not
    hold is then 0, and the gains are what the last of 40 rounds has reached: within 5 % of the terms
    that each is the sum of. With alpha up to 2 they are exact to float32's rounding.

    Args:
        alpha: greater than 0.
        level, weight_heads, refresh_every, gram_batch: see `GramianWeighting`.

    References:
        H. Ban, K. Ji, "Fair Resource Allocation in Multi-Task Learning", ICML 2024, equation 4,
        solved by Newton's method instead of the authors' least squares.
    """

    def __init__(
        self,
        alpha: float = 1.0,
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
        if not alpha > 0:
            raise ValueError(f"FairGrad: alpha is greater than 0. Received: {alpha!r}")
        self.alpha = alpha

    def weights(self, evidence: Evidence, context: StepContext) -> tuple[Any, list[Any]]:
        solve = lambda gramian, ones: fair_weights(gramian, self.alpha)  # noqa: E731
        return on_active(solve, evidence.gramian, context.active), []

    def get_config(self) -> dict[str, Any]:
        return {"alpha": self.alpha, **super().get_config()}
