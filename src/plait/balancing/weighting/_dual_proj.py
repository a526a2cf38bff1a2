"""DualProj: the mean gradient is projected so that it harms no task."""

from typing import Any

import keras

from plait.balancing._dual_cone import DualConeWeighting


@keras.saving.register_keras_serializable(package="plait")
class DualProj(DualConeWeighting):
    """The projection of the mean gradient onto the dual cone: v minimises v^T G v over v >= 1 / T.

    Args:
        norm_eps: see `UPGrad`.
        reg_eps: see `UPGrad`.
        level, weight_heads, refresh_every, gram_batch: see `GramianWeighting`.

    References:
        D. Lopez-Paz, M. Ranzato, "Gradient Episodic Memory for Continual Learning", NeurIPS 2017,
        equation 11, for the mean of all tasks' gradients as in TorchJD.
    """

    def projected(self, mean: Any) -> Any:
        return mean[None]
