"""DB-MTL: the losses' logarithms, and their gradients brought to one length."""

from typing import Any

import keras

from plait.balancing._aggregator import Aggregator, Update
from plait.balancing._balancer import Evidence, StepContext, mask
from plait.balancing.aggregation._rows import (
    kept,
    squared_lengths,
    times,
    weighted_update,
    where_active,
)

_EPS = 1e-8


@keras.saving.register_keras_serializable(package="plait")
class DBMTL(Aggregator):
    """Balances the losses by their logarithms and the gradients by their lengths.

    e_i <- b e_i + (1 - b) grad log L_i with b = beta / k^sigma in step k, and the shared variables
    move along sum_i (max_j |e_j| / |e_i|) e_i. The heads move along the gradients of log L_i, the
    weight 1 / L_i. A task without labels keeps its e_i and takes no part.

    Args:
        beta: how much of the earlier gradients stays.
        sigma: how fast beta falls.

    Raises:
        ValueError: a beta outside [0, 1) or a negative sigma.

    References:
        B. Lin, W. Jiang, F. Ye, Y. Zhang, P. Chen, Y. Chen, S. Liu, J. Kwok, "Dual-Balancing for
        Multi-Task Learning", 2023, arXiv 2308.12029, Algorithm 1.
    """

    def __init__(self, beta: float = 0.9, sigma: float = 0.0) -> None:
        super().__init__(level="parameters", weight_heads=True)
        if not 0 <= beta < 1:
            raise ValueError(f"DBMTL: beta is at least 0 and below 1. Received: {beta!r}")
        if sigma < 0:
            raise ValueError(f"DBMTL: sigma is at least 0. Received: {sigma!r}")
        self.beta = beta
        self.sigma = sigma

    def build_state(self, shapes: Any) -> None:
        self._means = kept(len(self.tasks or ()), shapes, "mean_gradient")

    @property
    def variables(self) -> list[keras.Variable]:
        return list(self._means) if self.shapes else []

    def update(self, evidence: Evidence, context: StepContext) -> Update:
        ops, active = keras.ops, context.active
        steepness = mask(1.0 / (evidence.losses + _EPS), active)
        round_ = ops.cast(context.step, "float32") + 1.0
        stays = self.beta / round_**self.sigma
        moved = []
        for mean, rows in zip(self._means, evidence.gradients, strict=True):
            held = ops.convert_to_tensor(mean)
            new = stays * held + (1.0 - stays) * times(rows, steepness)
            moved.append(where_active(active, new, held))
            mean.assign(moved[-1])
        lengths = mask(ops.sqrt(squared_lengths(moved)), active)
        scale = mask(ops.max(lengths) / (lengths + _EPS), active)
        return weighted_update(moved, scale, heads=steepness)

    def get_config(self) -> dict[str, Any]:
        return {"beta": self.beta, "sigma": self.sigma}
