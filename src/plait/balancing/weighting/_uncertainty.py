"""Uncertainty weighting: each task's noise is learnt beside the model."""

from typing import Any

import keras

from plait.balancing._balancer import StepContext, mask
from plait.balancing._loss_weighting import LossWeighting


@keras.saving.register_keras_serializable(package="plait")
class Uncertainty(LossWeighting):
    """Weighs each task by a learnt log variance s: the sum of exp(-s) L / 2 + s / 2.

    The log variances are moved by the model's own optimizer, together with its weights.

    Args:
        initial_log_variance: s of every task before the first step.

    References:
        A. Kendall, Y. Gal, R. Cipolla, "Multi-Task Learning Using Uncertainty to Weigh Losses for
        Scene Geometry and Semantics", CVPR 2018. The regression form is used for every loss.
    """

    def __init__(self, initial_log_variance: float = 0.0) -> None:
        super().__init__()
        self.initial_log_variance = initial_log_variance

    def build(self, tasks: tuple[str, ...]) -> None:
        super().build(tasks)
        self.log_variances = keras.Variable(
            keras.initializers.Constant(self.initial_log_variance),
            shape=(len(tasks),),
            dtype="float32",
            name="log_variances",
        )

    @property
    def variables(self) -> list[keras.Variable]:
        return [self.log_variances] if self.tasks else []

    @property
    def trainable_variables(self) -> list[keras.Variable]:
        return self.variables

    def objective(self, losses: Any, context: StepContext) -> Any:
        s = keras.ops.convert_to_tensor(self.log_variances)
        return 0.5 * keras.ops.sum(mask(keras.ops.exp(-s) * losses + s, context.active))

    def get_config(self) -> dict[str, Any]:
        return {"initial_log_variance": self.initial_log_variance}
