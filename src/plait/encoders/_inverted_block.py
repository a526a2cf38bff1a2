"""The block that a ConvNeXt is made of."""

from typing import Any

import keras
from keras import ops

from plait._dropout import Dropout
from plait.backend import depthwise

_SEEN = 7
_WIDER = 4


@keras.saving.register_keras_serializable(package="plait")
class InvertedBlock(keras.layers.Layer):
    """x + scale · W_2 gelu(W_1 norm(depthwise(x))).

    The depthwise convolution is 7 x 7; W_1 makes four times as many channels.

    Args:
        layer_scale: what the scale of each channel starts as.
        skipped: the share of rows that leave the block out in training; in the others, what it adds is
            divided by the share that is left.

    Call arguments:
        x: `(batch, height, width, channels)`.
        training: whether rows leave it out.

    Returns:
        The shape of `x`.
    """

    def __init__(self, layer_scale: float = 0.1, skipped: float = 0.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.layer_scale = layer_scale
        self.skipped = skipped

    def build(self, x_shape: Any) -> None:
        policy, channels = self.dtype_policy, x_shape[-1]
        self.kernel = self.add_weight(
            shape=(_SEEN, _SEEN, channels),
            # Of a kernel without an axis of filters Keras counts 49 inputs, as there are.
            initializer=keras.initializers.VarianceScaling(1.0),
            name="kernel",
        )
        self.bias = self.add_weight(shape=(channels,), initializer="zeros", name="bias")
        self.norm = keras.layers.LayerNormalization(epsilon=1e-5, dtype=policy, name="norm")
        self.norm.build(x_shape)
        self.rise = keras.layers.Dense(
            _WIDER * channels, activation="gelu", dtype=policy, name="rise"
        )
        self.rise.build(x_shape)
        self.fall = keras.layers.Dense(channels, dtype=policy, name="fall")
        self.fall.build((*x_shape[:-1], _WIDER * channels))
        self.scale = self.add_weight(
            shape=(channels,),
            initializer=keras.initializers.Constant(self.layer_scale),
            name="scale",
        )
        self.skip = Dropout(self.skipped, dtype=policy)

    def call(self, x: Any, training: bool | None = None) -> Any:
        y = self.norm(depthwise(x, self.kernel) + self.bias)
        y = self.fall(self.rise(y)) * self.scale
        if training and self.skipped:
            y = y * self.skip(ops.ones_like(y[:, :1, :1, :1]), training=True)
        return x + y

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "layer_scale": self.layer_scale, "skipped": self.skipped}
