"""UPGrad: each task's gradient is projected so that it harms no other; then they are averaged."""

from typing import Any

import keras

from plait.balancing._dual_cone import DualConeWeighting


@keras.saving.register_keras_serializable(package="plait")
class UPGrad(DualConeWeighting):
    """The mean of the projections of all tasks' gradients onto the dual cone.

    The dual cone holds the directions that increase no task's loss to first order. For each task i,
    v_i minimises v^T G v over v >= e_i / T; the weights are the sum of the v_i. For two tasks this
    is half of PCGrad, up to the ridge: what PCGrad takes of g_j divides by |g_j|^2, this by
    |g_j|^2 + reg_eps tr G.

    Args:
        norm_eps: a Gramian whose trace is at most this counts as 0; then all weights are 1 / T.
        reg_eps: added to the diagonal of the Gramian divided by its trace; it makes the solution
            unique where gradients are linearly dependent. It is as small as the rounding of the
            Gramian allows: a task whose gradient is shorter than its root is not protected.
        level, weight_heads, refresh_every, gram_batch: see `GramianWeighting`.

    References:
        P. Quinton, V. Rey, "Jacobian Descent for Multi-Objective Optimization", 2024
        (arXiv:2406.16232), equation 5. The authors' TorchJD takes norm_eps = reg_eps = 1e-4.
    """

    def projected(self, mean: Any) -> Any:
        return keras.ops.diag(mean)
