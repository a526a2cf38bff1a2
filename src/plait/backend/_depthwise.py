"""A convolution of each channel by itself, as Keras has it."""

from typing import Any

from keras import ops


def depthwise(x: Any, kernel: Any) -> Any:
    """Each channel by its own kernel, padded so that the map keeps its size.

    Args:
        x: `(batch, height, width, channels)`.
        kernel: `(rows, columns, channels)`, of odd sides.
    """
    return ops.depthwise_conv(
        x, ops.expand_dims(kernel, -1), padding="same", data_format="channels_last"
    )
