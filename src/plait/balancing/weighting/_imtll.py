"""IMTL-L: learnt scales that bring all losses to one size."""

from typing import Any

import keras

from plait.balancing._balancer import StepContext, mask
from plait.balancing._loss_weighting import LossWeighting


@keras.saving.register_keras_serializable(package="plait")
class IMTLL(LossWeighting):
    """Impartial losses: the sum of exp(s_i) L_i - s_i, with s learnt.

    The s are moved by the model's own optimizer, together with its weights; at their optimum every
    scaled loss is 1.

    Args:
        initial_log_scale: s of every task before the first step.

    References:
        L. Liu et al., "Towards Impartial Multi-task Learning", ICLR 2021, equation 6 (with base e).
    """

    def __init__(self, initial_log_scale: float = 0.0) -> None:
        super().__init__()
        self.initial_log_scale = initial_log_scale

    def build(self, tasks: tuple[str, ...]) -> None:
        super().build(tasks)
        self.log_scales = keras.Variable(
            keras.initializers.Constant(self.initial_log_scale),
            shape=(len(tasks),),
            dtype="float32",
            name="log_scales",
        )

    @property
    def variables(self) -> list[keras.Variable]:
        return [self.log_scales] if self.tasks else []

    @property
    def trainable_variables(self) -> list[keras.Variable]:
        return self.variables

    def objective(self, losses: Any, context: StepContext) -> Any:
        s = keras.ops.convert_to_tensor(self.log_scales)
        return keras.ops.sum(mask(keras.ops.exp(s) * losses - s, context.active))

    def get_config(self) -> dict[str, Any]:
        return {"initial_log_scale": self.initial_log_scale}
