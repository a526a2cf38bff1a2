"""Fusion by the maximum."""

from typing import Any

import keras
from keras import ops

from plait.fusion._pooled_fusion import ProjectedFusion


@keras.saving.register_keras_serializable(package="plait")
class Max(ProjectedFusion):
    """The largest value of the features' projected vectors, place by place: max over m of
    (W_m h_m + b_m).

    An absent feature counts with its absent token, which can learn to stay below the others.

    Args:
        width: the size of the token that comes out.
    """

    def reduce(self, stacked: Any) -> Any:
        return ops.max(stacked, axis=1)
