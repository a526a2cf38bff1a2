"""Fusion by concatenation."""

from typing import Any

import keras
from keras import ops

from plait.fusion._pooled_fusion import PooledFusion


@keras.saving.register_keras_serializable(package="plait")
class Concat(PooledFusion):
    """Joins the features' vectors end to end: W · [h_1; ...; h_M] + b.

    Without an activation, so that a linear path of an encoder stays linear up to the trunk. Each
    feature keeps its own columns of W: a wide feature is not squeezed to `width` on its own first.

    Args:
        width: the size of the token that comes out.

    Example:
        Concat(width=8)(
            tokens={"a": keras.ops.ones((2, 3, 4)), "b": keras.ops.ones((2, 1, 6))},
            masks={"a": keras.ops.ones((2, 3), "bool"), "b": keras.ops.ones((2, 1), "bool")},
            presence={"a": keras.ops.ones((2,), "bool"), "b": keras.ops.ones((2,), "bool")},
        )["tokens"].shape  # (2, 1, 8)
    """

    def build(
        self,
        tokens_shape: dict[str, Any],
        masks_shape: dict[str, Any],
        presence_shape: dict[str, Any],
    ) -> None:
        super().build(tokens_shape, masks_shape, presence_shape)
        size = sum(shape[-1] for shape in tokens_shape.values())
        self.projection = self.dense(self.width, size, "projection")

    def join(self, vectors: dict[str, Any]) -> Any:
        return self.projection(ops.concatenate(list(vectors.values()), axis=-1))
