"""GLS: the geometric mean of the losses."""

from typing import Any

import keras

from plait.balancing._balancer import StepContext, mask
from plait.balancing._loss_weighting import LossWeighting

_EPSILON = 1e-8


@keras.saving.register_keras_serializable(package="plait")
class GLS(LossWeighting):
    """Geometric loss strategy: the product of the T active losses, to the power 1 / T.

    Losses are positive; 1e-8 is added to each.

    References:
        S. Chennupati, G. Sistu, S. Yogamani, S. Rawashdeh, "MultiNet++: Multi-Stream Feature
        Aggregation and Geometric Loss Strategy for Multi-Task Learning", CVPR Workshops 2019.
    """

    def objective(self, losses: Any, context: StepContext) -> Any:
        ops = keras.ops
        safe = ops.where(context.active, losses, 1.0)
        count = ops.maximum(ops.sum(ops.cast(context.active, "float32")), 1.0)
        return ops.exp(ops.sum(mask(ops.log(safe + _EPSILON), context.active)) / count)
