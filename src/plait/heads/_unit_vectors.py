"""Vectors brought to length 1."""

from typing import Any

from keras import ops

_LEAST = 1e-12


def unit_vectors(vectors: Any) -> Any:
    """`(..., width)` float32, each of length 1; what is shorter than 1e-6 stays shorter.

    Args:
        vectors: `(..., width)`, of any precision.
    """
    vectors = ops.cast(vectors, "float32")
    squares = ops.sum(ops.square(vectors), axis=-1, keepdims=True)
    # A bound and no sum: the vector of zeros, too, has a gradient.
    return vectors * ops.rsqrt(ops.maximum(squares, _LEAST))
