"""Equal weights: the sum of the losses."""

from typing import Any

import keras

from plait.balancing._balancer import StepContext, mask
from plait.balancing._loss_weighting import LossWeighting


@keras.saving.register_keras_serializable(package="plait")
class Equal(LossWeighting):
    """The plain sum of the active tasks' losses: the baseline of every comparison.

    Example:
        >>> import plait
        >>> plait.Equal().get_config()
        {}
    """

    def objective(self, losses: Any, context: StepContext) -> Any:
        return keras.ops.sum(mask(losses, context.active))
