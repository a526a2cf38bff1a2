"""The block that the convolutional encoders are made of."""

from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="plait")
class ResidualBlock(keras.layers.Layer):
    """x + conv(relu(conv(norm(x)))), both 3 x 3, the second one starting at zero.

    The norm is over the channels of each position, so nothing passes between rows.

    Args:
        dropout: between the two convolutions.

    Call arguments:
        x: `(batch, height, width, channels)`.
        keep: `(batch, height, 1, 1)` of zeros and ones, 0 where the first axis is padding; or None.
        training: whether dropout is on.

    Returns:
        The shape of `x`; zeros where `keep` is 0.
    """

    def __init__(self, dropout: float = 0.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.dropout = dropout

    def build(self, x_shape: Any, keep_shape: Any = None) -> None:
        channels = x_shape[-1]
        self.norm = keras.layers.LayerNormalization(epsilon=1e-5, dtype=self.dtype_policy)
        self.first = self._conv(channels, "first", "he_normal")
        self.drop = keras.layers.Dropout(self.dropout, dtype=self.dtype_policy)
        self.second = self._conv(channels, "second", keras.initializers.RandomNormal(stddev=1e-3))
        for part in (self.norm, self.first, self.second):
            part.build(x_shape)

    def call(self, x: Any, keep: Any = None, training: bool | None = None) -> Any:
        y = self.norm(x)
        y = y if keep is None else y * keep
        y = self.drop(ops.relu(self.first(y)), training=training)
        y = self.second(y if keep is None else y * keep)
        return x + (y if keep is None else y * keep)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "dropout": self.dropout}

    def _conv(self, channels: int, name: str, initializer: Any) -> keras.layers.Layer:
        return keras.layers.Conv2D(
            channels,
            3,
            padding="same",
            kernel_initializer=initializer,
            data_format="channels_last",
            dtype=self.dtype_policy,
            name=name,
        )
