"""PBI: along the preferred direction, with a penalty for leaving it."""

from typing import Any

import keras

from plait.balancing._balancer import StepContext, mask
from plait.balancing._loss_weighting import LossWeighting
from plait.balancing._preference import Preference, as_numbers


@keras.saving.register_keras_serializable(package="plait")
class PBI(LossWeighting):
    """Penalty-based boundary intersection: d_1 + theta d_2, over the active tasks.

    With l = L - z and u the unit vector of p, d_1 = l . u is how far the losses are along the
    preference and d_2 = ||l - d_1 u|| how far beside it.

    Args:
        theta: the penalty; the paper's is 5.
        preference: p; see `Tchebycheff`.
        ideal: z; see `Tchebycheff`.

    References:
        Q. Zhang, H. Li, "MOEA/D: A Multiobjective Evolutionary Algorithm Based on Decomposition",
        IEEE Transactions on Evolutionary Computation, 2007, section II.
    """

    def __init__(
        self, theta: float = 5.0, preference: Preference = None, ideal: Preference = None
    ) -> None:
        super().__init__()
        if not theta >= 0:
            raise ValueError(f"PBI: theta is at least 0. Received: {theta!r}")
        self.theta = theta
        self.preference = preference
        self.ideal = ideal

    def build(self, tasks: tuple[str, ...]) -> None:
        super().build(tasks)
        self._preference = as_numbers("PBI", "preference", self.preference, tasks, 1.0)
        self._ideal = as_numbers("PBI", "ideal", self.ideal, tasks, 0.0)

    def objective(self, losses: Any, context: StepContext) -> Any:
        ops = keras.ops
        wished = mask(ops.convert_to_tensor(self._preference), context.active)
        length = ops.sqrt(ops.sum(wished**2))
        unit = wished / ops.where(length > 0, length, 1.0)
        away = mask(losses - ops.convert_to_tensor(self._ideal), context.active)
        along = ops.sum(away * unit)
        square = ops.sum((away - along * unit) ** 2)
        beside = ops.where(square > 0, ops.sqrt(ops.where(square > 0, square, 1.0)), 0.0)
        return along + self.theta * beside

    def get_config(self) -> dict[str, Any]:
        return {"theta": self.theta, "preference": self.preference, "ideal": self.ideal}
