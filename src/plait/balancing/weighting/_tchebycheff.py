"""Tchebycheff: the loss that is worst by the user's preference."""

from typing import Any

import keras

from plait.balancing._balancer import StepContext
from plait.balancing._loss_weighting import LossWeighting
from plait.balancing._preference import Preference, as_numbers


@keras.saving.register_keras_serializable(package="plait")
class Tchebycheff(LossWeighting):
    """The largest of p_i (L_i - z_i), over the active tasks.

    Args:
        preference: p, one a task, by name or in order, or one for all; 1 where it is None.
        ideal: z, the least that each loss can be; likewise, 0 where it is None.

    References:
        V. J. Bowman, "On the Relationship of the Tchebycheff Norm and the Efficient Frontier of
        Multiple-Criteria Objectives", 1976.
    """

    def __init__(self, preference: Preference = None, ideal: Preference = None) -> None:
        super().__init__()
        self.preference = preference
        self.ideal = ideal

    def build(self, tasks: tuple[str, ...]) -> None:
        super().build(tasks)
        name = type(self).__name__
        self._preference = as_numbers(name, "preference", self.preference, tasks, 1.0)
        self._ideal = as_numbers(name, "ideal", self.ideal, tasks, 0.0)

    def objective(self, losses: Any, context: StepContext) -> Any:
        ops = keras.ops
        worst = ops.max(ops.where(context.active, self._distance(losses), -1e30))
        return ops.where(ops.any(context.active), worst, 0.0)

    def _distance(self, losses: Any) -> Any:
        return (losses - keras.ops.convert_to_tensor(self._ideal)) * keras.ops.convert_to_tensor(
            self._preference
        )

    def get_config(self) -> dict[str, Any]:
        return {"preference": self.preference, "ideal": self.ideal}
