"""A feature map's positions as tokens."""

from typing import Any

import keras
from keras import ops

from plait._dropout import Dropout


@keras.saving.register_keras_serializable(package="plait")
class MapTokens(keras.layers.Layer):
    """One token of the whole map, then one of each position.

    A learnt place is added to each position, and a relu follows: so what a channel says depends on
    where it says it. The token of the whole is of each channel's maximum over all positions.

    Args:
        width: the size of each token.
        dropout: before the tokens are made.

    Call arguments:
        x: `(batch, height, width, channels)`.
        training: whether dropout is on.

    Returns:
        `(batch, 1 + positions, width)`, row by row.
    """

    def __init__(self, width: int, dropout: float = 0.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.width = width
        self.dropout = dropout

    def build(self, x_shape: Any) -> None:
        _, height, width, channels = x_shape
        self.drop = Dropout(self.dropout, dtype=self.dtype_policy)
        self.project = self._dense("project", channels)
        self.whole = self._dense("whole", channels)
        self.places = self.add_weight(
            shape=(height * width, channels),
            initializer=keras.initializers.RandomNormal(stddev=0.02),
            name="places",
        )

    def _dense(self, name: str, channels: int) -> keras.layers.Layer:
        dense = keras.layers.Dense(self.width, dtype=self.dtype_policy, name=name)
        dense.build((None, None, channels))
        return dense

    def call(self, x: Any, training: bool | None = None) -> Any:
        x = ops.relu(ops.reshape(x, (-1, *self.places.shape)) + self.places)
        whole = self.whole(self.drop(_maxima(x), training=training))
        return ops.concatenate([whole, self.project(self.drop(x, training=training))], axis=1)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "width": self.width, "dropout": self.dropout}


def _maxima(x: Any) -> Any:
    """`(batch, 1, channels)` of `(batch, positions, channels)`.

    The gradient of a maximum asks which values equal it. XLA may compute them once more for that, by
    other instructions, and where a norm's values are a bit off none does: 0 / 0. So it is asked where
    it is, which has no gradient.
    """
    where = ops.expand_dims(ops.argmax(x, axis=1), 1)
    places = ops.arange(x.shape[1], dtype=where.dtype)[None, :, None]
    there = ops.where(ops.equal(places, where), x, ops.zeros_like(x))
    return ops.sum(there, axis=1, keepdims=True)
