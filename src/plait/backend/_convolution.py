"""A convolution as Keras has it."""

from collections.abc import Sequence
from typing import Any

from keras import ops


def convolved(
    x: Any, kernel: Any, strides: Sequence[int], padding: str, taps: Sequence[int]
) -> Any:
    """The convolution of `(batch, height, width, channels)`.

    Args:
        x: `(batch, height, width, channels)`.
        kernel: `(rows, columns, channels, filters)`.
        strides: steps between positions, one for each axis.
        taps: steps between what of them is seen, likewise.
        padding: "same" or "valid".
    """
    return ops.conv(
        x,
        kernel,
        strides=list(strides),
        padding=padding,
        dilation_rate=list(taps),
        data_format="channels_last",
    )
