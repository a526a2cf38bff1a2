"""The block that a residual net is made of."""

import math
from typing import Any

import keras
from keras import ops

from plait._convolution import Conv2D
from plait._dropout import Dropout

_LEAST_OF_A_GROUP = 8


@keras.saving.register_keras_serializable(package="plait")
class BasicBlock(keras.layers.Layer):
    """x + conv(dropout(relu(norm(conv(relu(norm(x))))))), both convolutions 3 x 3.

    Where the map shrinks or its channels change, a convolution that sees each position once stands in
    the place of x.

    Args:
        channels: that it gives.
        stride: of the first convolution.
        dropout: before the second one.

    Call arguments:
        x: `(batch, height, width, channels)`.
        training: whether dropout is on.

    Returns:
        `(batch, height / stride, width / stride, channels)`, the sides rounded up.
    """

    def __init__(self, channels: int, stride: int = 1, dropout: float = 0.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.channels = channels
        self.stride = stride
        self.dropout = dropout

    def build(self, x_shape: Any) -> None:
        policy = self.dtype_policy
        self.norm = group_norm(x_shape, policy, "norm")
        self.shrink = self._conv(x_shape, 3, self.stride, "he_normal", "shrink")
        inner = self.shrink.compute_output_shape(x_shape)
        self.second_norm = group_norm(inner, policy, "second_norm")
        self.drop = Dropout(self.dropout, dtype=policy)
        small = keras.initializers.VarianceScaling(0.5)
        self.conv = self._conv(inner, 3, 1, small, "conv")
        self.past = None
        if self.stride > 1 or x_shape[-1] != self.channels:
            as_large = keras.initializers.VarianceScaling(1.0)
            self.past = self._conv(x_shape, self.stride, self.stride, as_large, "past")

    def _conv(self, shape: Any, size: int, stride: int, initial: Any, name: str) -> Conv2D:
        conv = Conv2D(
            self.channels,
            size,
            strides=stride,
            padding="same",
            use_bias=False,
            kernel_initializer=initial,
            dtype=self.dtype_policy,
            name=name,
        )
        conv.build(shape)
        return conv

    def call(self, x: Any, training: bool | None = None) -> Any:
        y = self.shrink(ops.relu(self.norm(x)))
        y = self.conv(self.drop(ops.relu(self.second_norm(y)), training=training))
        return y + (x if self.past is None else self.past(x))

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "channels": self.channels,
            "stride": self.stride,
            "dropout": self.dropout,
        }


def group_norm(shape: Any, dtype: Any, name: str) -> keras.layers.Layer:
    """A norm of each row's groups of 8 channels or more over all positions, with its weights made."""
    norm = keras.layers.GroupNormalization(groups(shape[-1]), epsilon=1e-5, dtype=dtype, name=name)
    norm.build(shape)
    return norm


def groups(channels: int) -> int:
    """Of how many equal groups so many channels are."""
    return math.gcd(channels, max(1, channels // _LEAST_OF_A_GROUP))
