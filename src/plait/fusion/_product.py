"""Fusion by the product."""

from typing import Any

import keras
from keras import ops

from plait.fusion._pooled_fusion import ProjectedFusion


@keras.saving.register_keras_serializable(package="plait")
class Product(ProjectedFusion):
    """The product of the features' projected vectors, element by element: Π (W_m h_m + b_m).

    The biases begin at 1, so that the product of many does not vanish: at the start it is 1 and what
    is linear in each feature, and small products of those. An absent feature counts with its absent
    token.

    Args:
        width: the size of the token that comes out.
    """

    bias_initializer = "ones"

    def reduce(self, stacked: Any) -> Any:
        return ops.prod(stacked, axis=1)
