"""IMTL-G: the direction has the same projection on every task's unit gradient."""

from typing import Any

import keras

from plait.balancing._balancer import Evidence, StepContext
from plait.balancing._gramian_weighting import GramianWeighting
from plait.balancing._solvers import equal_angles, on_active


@keras.saving.register_keras_serializable(package="plait")
class IMTLG(GramianWeighting):
    """Impartial gradients: d . u_i is equal for all tasks, with sum_i w_i = 1; w may be negative.

    With the norms n and the cosines C of the gradients, w is proportional to C^+ 1 / n. Where
    gradients are linearly dependent the least-norm solution is taken; a zero gradient gets weight 0.
    Where the weights sum to 0, and no multiple of them to 1, they are all 0.

    Args:
        level, weight_heads, refresh_every, gram_batch: see `GramianWeighting`.

    References:
        L. Liu et al., "Towards Impartial Multi-task Learning", ICLR 2021, equation 5.
    """

    def weights(self, evidence: Evidence, context: StepContext) -> tuple[Any, list[Any]]:
        def solve(gramian: Any, ones: Any) -> Any:
            ops = keras.ops
            found = equal_angles(gramian)
            total = ops.sum(found)
            defined = ops.abs(total) > 1e-9 * ops.sum(ops.abs(found))
            return ops.where(defined, found / ops.where(defined, total, 1.0), 0.0)

        return on_active(solve, evidence.gramian, context.active), []
