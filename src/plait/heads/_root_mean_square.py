"""Bringing what a head is given to one size."""

from typing import Any

from keras import ops


def of_size_1(x: Any, dtype: str) -> Any:
    """Each row divided by its root mean square, over all that is not the batch axis.

    Args:
        x: `(batch, ...)`.
        dtype: of what is returned; the mean is taken in float32.
    """
    x = ops.cast(x, "float32")
    inner = tuple(range(1, len(x.shape)))
    square = ops.mean(ops.square(x), axis=inner, keepdims=True)
    return ops.cast(x * ops.rsqrt(square + 1e-6), dtype)
