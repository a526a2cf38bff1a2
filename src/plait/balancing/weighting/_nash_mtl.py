"""Nash-MTL: the direction that the tasks would agree on if they bargained."""

from typing import Any

import keras

from plait.balancing._balancer import Evidence, Level, StepContext
from plait.balancing._fair import fair_weights
from plait.balancing._gramian_weighting import GramianWeighting
from plait.balancing._solvers import on_active


@keras.saving.register_keras_serializable(package="plait")
class NashMTL(GramianWeighting):
    """The Nash bargaining solution: w > 0 with G w = 1 / w, so that all tasks gain alike.

    The direction's length is the square root of the number of tasks, however long the gradients
    are; with `normalise` it follows them. Where no direction serves all tasks no such w exists, and
    all weights are 0. A zero gradient gets weight 0.

    Args:
        normalise: divides the Gramian by its Frobenius norm first, as the authors' code does.
        level, weight_heads, refresh_every, gram_batch: see `GramianWeighting`.

    References:
        A. Navon et al., "Multi-Task Learning as a Bargaining Game", ICML 2022, Algorithm 1. The
        equation is solved by Newton's method instead of the authors' convex-concave procedure; its
        solution is unique.
    """

    def __init__(
        self,
        normalise: bool = False,
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
        self.normalise = normalise

    def weights(self, evidence: Evidence, context: StepContext) -> tuple[Any, list[Any]]:
        def solve(gramian: Any, ones: Any) -> Any:
            if self.normalise:
                norm = keras.ops.sqrt(keras.ops.sum(gramian**2))
                gramian = gramian / keras.ops.where(norm > 0, norm, 1.0)
            return fair_weights(gramian, 1.0)

        return on_active(solve, evidence.gramian, context.active), []

    def get_config(self) -> dict[str, Any]:
        return {"normalise": self.normalise, **super().get_config()}
