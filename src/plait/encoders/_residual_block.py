"""The block that the convolutional encoders are made of."""

from typing import Any

import keras
from keras import ops

from plait._convolution import Conv2D
from plait._dropout import Dropout


@keras.saving.register_keras_serializable(package="plait")
class ResidualBlock(keras.layers.Layer):
    """x + conv(dropout(relu(x))), the convolution 3 x 3 and small at the start.

    There is no norm: with so few blocks training is stable without, a norm costs as much time on a
    CPU as the convolution, and one of each position alone would hide what is bright and what is dark.

    Args:
        dropout: before the convolution.

    Call arguments:
        x: `(batch, height, width, channels)`.
        keep: `(batch, height, 1, 1)` of zeros and ones, 0 where the first axis is padding; or None.
        training: whether dropout is on.

    Returns:
        The shape of `x`; zeros where `keep` is 0, if they were there before.
    """

    def __init__(self, dropout: float = 0.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.dropout = dropout

    def build(self, x_shape: Any, keep_shape: Any = None) -> None:
        self.drop = Dropout(self.dropout, dtype=self.dtype_policy)
        self.conv = Conv2D(
            x_shape[-1],
            3,
            padding="same",
            kernel_initializer=keras.initializers.VarianceScaling(0.5),
            dtype=self.dtype_policy,
            name="conv",
        )
        self.conv.build(x_shape)

    def call(self, x: Any, keep: Any = None, training: bool | None = None) -> Any:
        y = self.conv(self.drop(ops.relu(x), training=training))
        # The convolution's bias would stand in padded steps, too.
        return x + (y if keep is None else y * keep)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "dropout": self.dropout}


def built_block(shape: Any, dropout: float, dtype: Any, name: str) -> ResidualBlock:
    """A block for maps of such a shape, with its weights made."""
    block = ResidualBlock(dropout, dtype=dtype, name=name)
    block.build(shape)
    return block
