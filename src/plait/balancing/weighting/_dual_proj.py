"""DualProj: the mean gradient is projected so that it harms no task."""

from typing import Any

import keras

from plait.balancing._balancer import Evidence, GramianWeighting, Level, StepContext
from plait.balancing._dual_cone import dual_cone_weights
from plait.balancing._solvers import larger, on_active


@keras.saving.register_keras_serializable(package="plait")
class DualProj(GramianWeighting):
    """The projection of the mean gradient onto the dual cone: v minimises v^T G v over v >= 1 / T.

    Args:
        norm_eps: see `UPGrad`.
        reg_eps: see `UPGrad`.
        level: see `GramianWeighting`.
        weight_heads: see `GramianWeighting`.

    References:
        D. Lopez-Paz, M. Ranzato, "Gradient Episodic Memory for Continual Learning", NeurIPS 2017,
        equation 11, for the mean of all tasks' gradients as in TorchJD.
    """

    def __init__(
        self,
        norm_eps: float = 1e-30,
        reg_eps: float = 1e-7,
        *,
        level: Level = "representation",
        weight_heads: bool = False,
    ) -> None:
        super().__init__(level=level, weight_heads=weight_heads)
        self.norm_eps = norm_eps
        self.reg_eps = reg_eps

    def weights(self, evidence: Evidence, context: StepContext) -> tuple[Any, list[Any]]:
        def solve(gramian: Any, ones: Any) -> Any:
            mean = ones / larger(keras.ops.sum(ones), 1.0)
            return dual_cone_weights(gramian, ones, mean[None], self.norm_eps, self.reg_eps)[0]

        return on_active(solve, evidence.gramian, context.active), []

    def get_config(self) -> dict[str, Any]:
        return {"norm_eps": self.norm_eps, "reg_eps": self.reg_eps, **super().get_config()}
