"""Fusion by the mean."""

from typing import Any

import keras
from keras import ops

from plait.fusion._pooled_fusion import ProjectedFusion


@keras.saving.register_keras_serializable(package="plait")
class Mean(ProjectedFusion):
    """The mean of the features' projected vectors: (1 / M) · sum of (W_m h_m + b_m).

    An absent feature counts with its absent token.

    Args:
        width: the size of the token that comes out.
    """

    def reduce(self, stacked: Any) -> Any:
        return ops.mean(stacked, axis=1)
