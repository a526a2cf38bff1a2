"""STCH: a smooth form of the Tchebycheff scalarization."""

from typing import Any

import keras

from plait.balancing._balancer import StepContext, mask
from plait.balancing._loss_weighting import LossWeighting
from plait.balancing._preference import Preference, as_numbers


@keras.saving.register_keras_serializable(package="plait")
class STCH(LossWeighting):
    """mu log sum_i exp(p_i (L_i - z_i) / mu), over the active tasks.

    Args:
        mu: greater than 0; the smaller, the nearer to `Tchebycheff`.
        preference: p; see `Tchebycheff`.
        ideal: z; see `Tchebycheff`.

    References:
        X. Lin et al., "Smooth Tchebycheff Scalarization for Multi-Objective Optimization", ICML
        2024, equation 9. Its multi-task experiments also take the logarithm of each loss over its
        value after some epochs; here the losses are as they are.
    """

    def __init__(
        self, mu: float = 1.0, preference: Preference = None, ideal: Preference = None
    ) -> None:
        super().__init__()
        if not mu > 0:
            raise ValueError(f"STCH: mu is greater than 0. Received: {mu!r}")
        self.mu = mu
        self.preference = preference
        self.ideal = ideal

    def build(self, tasks: tuple[str, ...]) -> None:
        super().build(tasks)
        self._preference = as_numbers("STCH", "preference", self.preference, tasks, 1.0)
        self._ideal = as_numbers("STCH", "ideal", self.ideal, tasks, 0.0)

    def objective(self, losses: Any, context: StepContext) -> Any:
        ops = keras.ops
        scaled = ops.where(
            context.active,
            (losses - ops.convert_to_tensor(self._ideal))
            * ops.convert_to_tensor(self._preference)
            / self.mu,
            -1e30,
        )
        top = ops.stop_gradient(ops.max(scaled))
        total = ops.sum(mask(ops.exp(scaled - top), context.active))
        there = ops.any(context.active)
        return ops.where(there, self.mu * (top + ops.log(ops.where(there, total, 1.0))), 0.0)

    def get_config(self) -> dict[str, Any]:
        return {"mu": self.mu, "preference": self.preference, "ideal": self.ideal}
