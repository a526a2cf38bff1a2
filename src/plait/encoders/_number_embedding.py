"""A number as one token."""

from collections.abc import Sequence
from typing import Any, ClassVar

import keras
import numpy as np
from keras import ops

from plait._ranges import demand_whole
from plait.encoders._encoder import Encoder
from plait.errors import ConfigError


@keras.saving.register_keras_serializable(package="plait")
class NumberEmbedding(Encoder):
    """A number by the bins that it has passed, through a linear and a deep path.

    With bins b_0 < ... < b_n the number x becomes n shares clip((x - b_i) / (b_i+1 - b_i), 0, 1),
    beside x itself: one weight for each makes any curve that is straight within bins, so a narrow
    range can matter by itself, whatever the distribution. A hidden layer stands beside that linear
    path.

    Args:
        width: the size of the token.
        bins: rising bounds of the bins; the feature's if None, and none without a feature.
        hidden: units of the deep path.

    Call arguments:
        values: `(batch, channels)` float, standardised; each channel has the same bins.

    Returns:
        `"tokens"` `(batch, 1, width)` and `"mask"` `(batch, 1)`.

    Raises:
        ConfigError: an argument out of its range.

    References:
        Y. Gorishniy, I. Rubachev, A. Babenko, "On Embeddings for Numerical Features in Tabular Deep
        Learning", 2022: there the outer bins are open, here x beside them does that.
    """

    modality: ClassVar[str | None] = "number"
    fitted: ClassVar[str | None] = "bins"

    def __init__(
        self,
        width: int = 128,
        bins: Sequence[float] | None = None,
        hidden: int = 64,
        **kwargs: Any,
    ) -> None:
        super().__init__(width, **kwargs)
        demand_whole("NumberEmbedding", hidden=hidden)
        if bins is not None and not np.all(np.diff(np.array(bins, "float32")) > 0):
            raise ConfigError(f"NumberEmbedding: bins rise from one to the next. Received: {bins}.")
        self.bins = None if bins is None else tuple(float(b) for b in bins)
        self.hidden = hidden

    def build(self, values_shape: Any, lengths_shape: Any = None) -> None:
        edges = np.array(self.bins or (), "float32")
        self._low = edges[:-1]
        self._inverse = 1 / np.diff(edges) if len(edges) > 1 else edges
        inputs = (None, values_shape[-1] * (1 + len(self._low)))
        self.thresholds = keras.layers.Dense(
            self.hidden,
            activation="relu",
            bias_initializer=keras.initializers.RandomUniform(-1.0, 1.0),
            dtype=self.dtype_policy,
            name="thresholds",
        )
        self.thresholds.build(inputs)
        self.deep = keras.layers.Dense(self.width, dtype=self.dtype_policy, name="deep")
        self.deep.build((None, self.hidden))
        self.linear = keras.layers.Dense(
            self.width, use_bias=False, dtype=self.dtype_policy, name="linear"
        )
        self.linear.build(inputs)

    def call(
        self, values: Any, lengths: Any = None, training: bool | None = None
    ) -> dict[str, Any]:
        inputs = values
        if len(self._low):
            low, inverse = (ops.cast(a, values.dtype) for a in (self._low, self._inverse))
            shares = ops.clip((ops.expand_dims(values, -1) - low) * inverse, 0.0, 1.0)
            shares = ops.reshape(shares, (-1, values.shape[-1] * len(self._low)))
            inputs = ops.concatenate([values, shares], axis=-1)
        token = self.deep(self.thresholds(inputs)) + self.linear(inputs)
        tokens = ops.expand_dims(token, 1)
        return {"tokens": tokens, "mask": ops.ones_like(tokens[..., 0], dtype="bool")}

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "bins": self.bins, "hidden": self.hidden}
