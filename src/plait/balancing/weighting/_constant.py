"""Constant: weights that the user gives."""

from typing import Any

import keras

from plait.balancing._balancer import StepContext, mask
from plait.balancing._loss_weighting import LossWeighting
from plait.balancing._preference import Preference, as_numbers


@keras.saving.register_keras_serializable(package="plait")
class Constant(LossWeighting):
    """The sum of w_i L_i with weights that stay.

    Args:
        task_weights: one a task, by name or in the order of the model's outputs, or one for all; tasks
            that a mapping leaves out get 1.

    Example:
        >>> import plait
        >>> plait.Constant({"price": 0.1}).get_config()
        {'task_weights': {'price': 0.1}}
    """

    def __init__(self, task_weights: Preference = None) -> None:
        super().__init__()
        self.task_weights = task_weights

    def build(self, tasks: tuple[str, ...]) -> None:
        super().build(tasks)
        self._numbers = as_numbers("Constant", "task_weights", self.task_weights, tasks, 1.0)

    def objective(self, losses: Any, context: StepContext) -> Any:
        return keras.ops.sum(
            mask(losses * keras.ops.convert_to_tensor(self._numbers), context.active)
        )

    def get_config(self) -> dict[str, Any]:
        return {"task_weights": self.task_weights}
