"""Fusion by a learnt weight for each feature."""

from typing import Any

import keras
from keras import ops

from plait.fusion._pooled_fusion import ProjectedFusion


@keras.saving.register_keras_serializable(package="plait")
class Weighted(ProjectedFusion):
    """The mean of the features' projected vectors by learnt weights: sum of a_m (W_m h_m + b_m),
    a = softmax(v).

    The weights are the same for every row and start equal. An absent feature counts with its
    absent token.

    Args:
        width: the size of the token that comes out.
    """

    def build(
        self,
        tokens_shape: dict[str, Any],
        masks_shape: dict[str, Any],
        presence_shape: dict[str, Any],
    ) -> None:
        super().build(tokens_shape, masks_shape, presence_shape)
        self.names = sorted(tokens_shape)
        # One feature has the whole weight: a variable for it could never move.
        self.logits = (
            self.add_weight(name="logits", shape=(len(self.names),), initializer="zeros")
            if len(self.names) > 1
            else None
        )

    def reduce(self, stacked: Any) -> Any:
        if self.logits is None:
            return ops.squeeze(stacked, 1)
        shares = ops.cast(self._shares(), stacked.dtype)
        return ops.sum(stacked * ops.reshape(shares, (1, -1, 1)), axis=1)

    def shares(self) -> dict[str, float]:
        """The learnt weight of each feature; they add up to 1."""
        if self.logits is None:
            return dict.fromkeys(self.names, 1.0)
        values = ops.convert_to_numpy(self._shares())
        return dict(zip(self.names, map(float, values), strict=True))

    def _shares(self) -> Any:
        return ops.softmax(ops.cast(self.logits, "float32"))
