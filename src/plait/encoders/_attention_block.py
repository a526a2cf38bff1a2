"""The block that the encoders by self-attention are made of."""

from typing import Any

import keras
from keras import ops

from plait._dropout import Dropout


@keras.saving.register_keras_serializable(package="plait")
class AttentionBlock(keras.layers.Layer):
    """x + attention(norm(x)), then x + W_2 gelu(W_1 norm(x)); what it adds starts small.

    Args:
        heads: of attention; they part the width evenly.
        hidden: the size inside the second half.
        dropout: on what is added.

    Call arguments:
        x: `(batch, tokens, width)`.
        seen: `(batch, 1, 1 or tokens, tokens)` bool, the tokens that a token may look at: one at least.
        training: whether dropout is on.

    Returns:
        The shape of `x`.
    """

    def __init__(self, heads: int, hidden: int, dropout: float = 0.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.heads = heads
        self.hidden = hidden
        self.dropout = dropout

    def build(self, x_shape: Any, seen_shape: Any = None) -> None:
        width = x_shape[-1]
        inner = (*x_shape[:-1], self.hidden)
        self.norm = self._norm("norm", x_shape)
        self.query = self._dense(width, "query", x_shape)
        # A bias of the keys would add the same to every score of a token.
        self.key = self._dense(width, "key", x_shape, use_bias=False)
        self.value = self._dense(width, "value", x_shape)
        self.joined = self._dense(width, "joined", x_shape, kernel_initializer=_small())
        self.second_norm = self._norm("second_norm", x_shape)
        self.rise = self._dense(self.hidden, "rise", x_shape, activation="gelu")
        self.fall = self._dense(width, "fall", inner, kernel_initializer=_small())
        self.drop = Dropout(self.dropout, dtype=self.dtype_policy)

    def _norm(self, name: str, shape: Any) -> keras.layers.Layer:
        norm = keras.layers.LayerNormalization(epsilon=1e-5, dtype=self.dtype_policy, name=name)
        norm.build(shape)
        return norm

    def _dense(self, units: int, name: str, shape: Any, **arguments: Any) -> keras.layers.Layer:
        dense = keras.layers.Dense(units, dtype=self.dtype_policy, name=name, **arguments)
        dense.build(shape)
        return dense

    def call(self, x: Any, seen: Any, training: bool | None = None) -> Any:
        x = x + self.drop(self._attended(self.norm(x), seen), training=training)
        y = self.fall(self.rise(self.second_norm(x)))
        return x + self.drop(y, training=training)

    def _attended(self, x: Any, seen: Any) -> Any:
        tokens, width = x.shape[1], x.shape[2]
        each = width // self.heads
        query, key, value = (
            ops.transpose(ops.reshape(dense(x), (-1, tokens, self.heads, each)), (0, 2, 1, 3))
            for dense in (self.query, self.key, self.value)
        )
        scores = ops.matmul(query, ops.transpose(key, (0, 1, 3, 2)))
        scores = ops.cast(scores, "float32") / each**0.5
        shares = ops.softmax(ops.where(seen, scores, -1e9), axis=-1)
        found = ops.matmul(ops.cast(shares, value.dtype), value)
        return self.joined(ops.reshape(ops.transpose(found, (0, 2, 1, 3)), (-1, tokens, width)))

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "heads": self.heads,
            "hidden": self.hidden,
            "dropout": self.dropout,
        }


def _small() -> keras.initializers.Initializer:
    return keras.initializers.VarianceScaling(0.1, "fan_avg", "uniform")
