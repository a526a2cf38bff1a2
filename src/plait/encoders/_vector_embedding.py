"""A vector as one token."""

from typing import Any, ClassVar

import keras
from keras import ops

from plait._dropout import Dropout
from plait._ranges import MOST_SEED, demand_share, demand_whole
from plait.encoders._encoder import Encoder


@keras.saving.register_keras_serializable(package="plait")
class VectorEmbedding(Encoder):
    """A linear function of a vector, and a deep path beside it.

    An embedding that was made elsewhere is mostly used as it is, so that the linear path reaches the
    output by itself; a hidden layer beside it adds what places of it mean together.

    Args:
        width: the size of the token.
        hidden: units of the deep path.
        dropout: in the deep path.
        seed: of the dropout.

    Call arguments:
        values: `(batch, length)` float, standardised.

    Returns:
        `"tokens"` `(batch, 1, width)` and `"mask"` `(batch, 1)`.

    Raises:
        ConfigError: an argument out of its range.

    Example:
        VectorEmbedding(8)(keras.ops.ones((2, 5)))["tokens"].shape  # (2, 1, 8)
    """

    modality: ClassVar[str | None] = "vector"

    def __init__(
        self,
        width: int = 128,
        hidden: int = 128,
        dropout: float = 0.1,
        seed: int = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(width, **kwargs)
        demand_whole("VectorEmbedding", hidden=hidden)
        demand_share("VectorEmbedding", dropout=dropout)
        demand_whole("VectorEmbedding", least=0, most=MOST_SEED, seed=seed)
        self.hidden = hidden
        self.dropout = dropout
        self.seed = seed

    def build(self, values_shape: Any, lengths_shape: Any = None) -> None:
        policy, inputs = self.dtype_policy, (None, values_shape[-1])
        self.inner = keras.layers.Dense(self.hidden, activation="gelu", dtype=policy, name="inner")
        self.inner.build(inputs)
        self.drop = Dropout(self.dropout, seed=self.seed, dtype=policy)
        self.outer = keras.layers.Dense(self.width, dtype=policy, name="outer")
        self.outer.build((None, self.hidden))
        self.linear = keras.layers.Dense(self.width, use_bias=False, dtype=policy, name="linear")
        self.linear.build(inputs)

    def call(
        self, values: Any, lengths: Any = None, training: bool | None = None
    ) -> dict[str, Any]:
        deep = self.outer(self.drop(self.inner(values), training=training))
        tokens = ops.expand_dims(self.linear(values) + deep, 1)
        return {"tokens": tokens, "mask": ops.ones_like(tokens[..., 0], dtype="bool")}

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "hidden": self.hidden,
            "dropout": self.dropout,
            "seed": self.seed,
        }
