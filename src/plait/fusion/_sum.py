"""Fusion by the sum."""

from typing import Any

import keras
from keras import ops

from plait.fusion._pooled_fusion import ProjectedFusion


@keras.saving.register_keras_serializable(package="plait")
class Sum(ProjectedFusion):
    """The sum of the features' projected vectors: sum of (W_m h_m + b_m).

    The same family of functions as `Concat`, from other initial weights: here every feature starts
    with the same say, whatever its width. An absent feature counts with its absent token.

    Args:
        width: the size of the token that comes out.
    """

    def reduce(self, stacked: Any) -> Any:
        return ops.sum(stacked, axis=1)
