"""Scale-invariant: the sum of the losses' logarithms."""

from typing import Any

import keras

from plait.balancing._balancer import StepContext, mask
from plait.balancing._loss_weighting import LossWeighting

_EPSILON = 1e-8


@keras.saving.register_keras_serializable(package="plait")
class ScaleInvariant(LossWeighting):
    """The sum of log L_i (SI): a loss in other units moves the model no differently.

    Losses are positive; 1e-8 is added to each.

    References:
        A. Navon et al., "Multi-Task Learning as a Bargaining Game", ICML 2022, section 5.
    """

    def objective(self, losses: Any, context: StepContext) -> Any:
        safe = keras.ops.where(context.active, losses, 1.0)
        return keras.ops.sum(mask(keras.ops.log(safe + _EPSILON), context.active))
