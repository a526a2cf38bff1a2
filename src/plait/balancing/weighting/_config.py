"""ConFIG: the direction has the same cosine with every task's gradient."""

from typing import Any

import keras

from plait.balancing._balancer import Evidence, StepContext
from plait.balancing._gramian_weighting import GramianWeighting
from plait.balancing._solvers import equal_angles, on_active


@keras.saving.register_keras_serializable(package="plait")
class ConFIG(GramianWeighting):
    """Conflict-free: d = (sum_i g_i . e) e, with e the unit vector of U^+ 1, U the unit gradients.

    In weights: e is proportional to U^T (U U^T)^+ 1. A zero gradient gets weight 0.
    Where the unit gradients have no direction in common, all weights are 0.

    Args:
        level, weight_heads, refresh_every, gram_batch: see `GramianWeighting`.

    References:
        Q. Liu, M. Chu, N. Thuerey, "ConFIG: Towards Conflict-free Training of Physics Informed
        Neural Networks", 2024 (arXiv:2408.11104), equations 3 and 4.
    """

    def weights(self, evidence: Evidence, context: StepContext) -> tuple[Any, list[Any]]:
        def solve(gramian: Any, ones: Any) -> Any:
            ops = keras.ops
            best = equal_angles(gramian)
            products = (gramian @ best[:, None])[:, 0]
            square = ops.sum(best * products)
            return best * ops.sum(products) / ops.where(square > 0, square, 1.0)

        return on_active(solve, evidence.gramian, context.active), []
