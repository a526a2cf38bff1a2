"""A number as one token."""

from typing import Any

import keras

from plait.encoders._encoder import Encoder


@keras.saving.register_keras_serializable(package="plait")
class NumberEmbedding(Encoder):
    """A standardised number through a small net, with a linear path beside it.

    The number meets learnt thresholds (a hidden layer of relu units spread over its range), so that
    a narrow range can matter by itself; the linear path keeps what one weight can say.

    Args:
        width: the size of the token.
        hidden: how many thresholds.

    Call arguments:
        values: `(batch, 1)` float.

    Returns:
        `"tokens"` `(batch, 1, width)` and `"mask"` `(batch, 1)`.
    """

    def __init__(self, width: int = 128, hidden: int = 64, **kwargs: Any) -> None:
        super().__init__(width, **kwargs)
        self.hidden = hidden
        self.thresholds = keras.layers.Dense(
            hidden,
            activation="relu",
            bias_initializer=keras.initializers.RandomUniform(-2.0, 2.0),
            kernel_initializer=keras.initializers.RandomUniform(-2.0, 2.0),
            name="thresholds",
        )
        self.deep = keras.layers.Dense(width, name="deep")
        self.linear = keras.layers.Dense(width, use_bias=False, name="linear")

    def build(self, values_shape: Any, lengths_shape: Any = None) -> None:
        self.thresholds.build(values_shape)
        self.deep.build((None, self.hidden))
        self.linear.build(values_shape)

    def call(
        self, values: Any, lengths: Any = None, training: bool | None = None
    ) -> dict[str, Any]:
        token = self.deep(self.thresholds(values)) + self.linear(values)
        return {
            "tokens": keras.ops.expand_dims(token, 1),
            "mask": keras.ops.ones_like(values, dtype="bool"),
        }

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "hidden": self.hidden}
