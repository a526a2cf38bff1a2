"""UPGrad: each task's gradient is projected so that it harms no other; then they are averaged."""

from typing import Any

import keras

from plait.balancing._balancer import Evidence, GramianWeighting, Level, StepContext
from plait.balancing._dual_cone import dual_cone_weights
from plait.balancing._solvers import larger, on_active


@keras.saving.register_keras_serializable(package="plait")
class UPGrad(GramianWeighting):
    """The mean of the projections of all tasks' gradients onto the dual cone.

    The dual cone holds the directions that increase no task's loss to first order. For each task i,
    v_i minimises v^T G v over v >= e_i / T; the weights are the sum of the v_i. For two tasks this
    is half of PCGrad.

    Args:
        norm_eps: a Gramian whose trace is at most this counts as 0; then all weights are 1 / T.
        reg_eps: added to the diagonal of the Gramian divided by its trace; it makes the solution
            unique where gradients are linearly dependent. It is as small as the rounding of the
            Gramian allows: a task whose gradient is shorter than its root is not protected.
        level: see `GramianWeighting`.
        weight_heads: see `GramianWeighting`.

    References:
        P. Quinton, V. Rey, "Jacobian Descent for Multi-Objective Optimization", 2024
        (arXiv:2406.16232), equation 5. The authors' TorchJD takes norm_eps = reg_eps = 1e-4.
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
            targets = keras.ops.diag(ones / larger(keras.ops.sum(ones), 1.0))
            found = dual_cone_weights(gramian, ones, targets, self.norm_eps, self.reg_eps)
            return keras.ops.sum(found, axis=0)

        return on_active(solve, evidence.gramian, context.active), []

    def get_config(self) -> dict[str, Any]:
        return {"norm_eps": self.norm_eps, "reg_eps": self.reg_eps, **super().get_config()}
