"""The block that encoders and fusions by attention are made of."""

from typing import Any

import keras
from keras import ops

from plait._dropout import Dropout
from plait._rotary import turned


@keras.saving.register_keras_serializable(package="plait")
class AttentionBlock(keras.layers.Layer):
    """x + attention(norm(x)), then x + W_2 gelu(W_1 norm(x)); what it adds starts small.

    Args:
        heads: of attention; they part the width evenly.
        hidden: the size inside the second half.
        dropout: on what is added.

    Call arguments:
        x: `(batch, tokens, width)`.
        seen: `(batch, 1, 1 or tokens, looked at)` bool, what a token may look at: one at least.
        at: `(batch, looked at, width)`, the tokens that are looked at, normed as those of `x` are; if
            None, those of `x`.
        training: whether dropout is on.
        angles: `(tokens, half the width of a head)`, by which queries and keys are turned, so that a
            token knows how far another is (see `plait._rotary`); None where there is no order. Not
            beside `at`.

    Returns:
        The shape of `x`.

    References:
        J. Su, Y. Lu, S. Pan, A. Murtadha, B. Wen, Y. Liu, "RoFormer: Enhanced Transformer with Rotary
        Position Embedding", 2021, for the turning.
    """

    def __init__(self, heads: int, hidden: int, dropout: float = 0.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.heads = heads
        self.hidden = hidden
        self.dropout = dropout

    def build(self, x_shape: Any, seen_shape: Any = None, at_shape: Any = None) -> None:
        width = x_shape[-1]
        inner = (*x_shape[:-1], self.hidden)
        self.norm = self._norm("norm", x_shape)
        # Where one token alone is looked at, nothing would ever move what decides how much.
        self.chooses = (x_shape if at_shape is None else at_shape)[1] != 1
        if self.chooses:
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

    def call(
        self, x: Any, seen: Any, at: Any = None, training: bool | None = None, angles: Any = None
    ) -> Any:
        own = self.norm(x)
        found = self._attended(own, own if at is None else self.norm(at), seen, angles)
        x = x + self.drop(found, training=training)
        y = self.fall(self.rise(self.second_norm(x)))
        return x + self.drop(y, training=training)

    def _attended(self, x: Any, at: Any, seen: Any, angles: Any) -> Any:
        value = self.value(at)
        if not self.chooses:
            return self.joined(value + ops.zeros_like(x))
        query, key = self._parted(self.query(x)), self._parted(self.key(at))
        if angles is not None:
            query, key = turned(query, angles), turned(key, angles)
        scores = ops.matmul(query, ops.transpose(key, (0, 1, 3, 2)))
        scores = ops.cast(scores, "float32") / query.shape[-1] ** 0.5
        shares = ops.softmax(ops.where(seen, scores, -1e9), axis=-1)
        found = ops.matmul(ops.cast(shares, value.dtype), self._parted(value))
        return self.joined(ops.reshape(ops.transpose(found, (0, 2, 1, 3)), (-1, *x.shape[1:])))

    def _parted(self, x: Any) -> Any:
        """`(batch, heads, tokens, width of a head)`."""
        shape = (-1, x.shape[1], self.heads, x.shape[2] // self.heads)
        return ops.transpose(ops.reshape(x, shape), (0, 2, 1, 3))

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "heads": self.heads,
            "hidden": self.hidden,
            "dropout": self.dropout,
        }


def _small() -> keras.initializers.Initializer:
    return keras.initializers.VarianceScaling(0.1, "fan_avg", "uniform")
