"""What a series' history says of each variable, counted from its end."""

from typing import Any

from keras import ops

_LEAST = 0.1
"""Of a usual row's size: a flat one may still move a little."""


def last_known(values: Any, known: Any) -> Any:
    """`(batch, 1, variables)`, the last known value of each; 0 where there is none.

    Args:
        values: `(batch, steps, variables)`.
        known: likewise, 1 where the value is known and 0 elsewhere.
    """
    steps = ops.arange(1, values.shape[1] + 1, dtype="float32")[None, :, None]
    latest = ops.max(known * steps, axis=1, keepdims=True)
    is_last = ops.logical_and(ops.equal(known * steps, latest), known > 0)
    return ops.sum(ops.where(is_last, values, 0.0), axis=1, keepdims=True)


def size_of(values: Any, known: Any, zero: Any) -> Any:
    """`(batch, 1, variables)`, how large a row's values are, beside those of a usual row.

    The mean of |x - zero| over sqrt(1 + zero²), which is about 1 where x has a mean of 0 and a
    deviation of 1; or the row's own deviation, where that is larger, as around a zero that is a
    convention. At least 0.1, and 1 where nothing is known.

    Args:
        values: `(batch, steps, variables)`.
        known: likewise, 1 where the value is known and 0 elsewhere.
        zero: `(variables,)`, where nothing lies on their scale.
    """
    count = ops.sum(known, axis=1, keepdims=True)
    some = ops.maximum(count, 1.0)
    level = ops.sum(ops.abs(values - zero) * known, axis=1, keepdims=True) / some
    mean = ops.sum(values * known, axis=1, keepdims=True) / some
    variance = ops.sum(ops.square(values - mean) * known, axis=1, keepdims=True) / some
    deviation = ops.sqrt(ops.maximum(variance, _LEAST**2))
    size = ops.maximum(level / ops.sqrt(1 + ops.square(zero)), deviation)
    return ops.where(count > 0, size, 1.0)


def from_the_end(values: Any, lengths: Any) -> Any:
    """Moves each row's valid steps to the end of its array; zeros stand before them.

    Args:
        values: `(batch, steps, channels)`.
        lengths: `(batch,)`, the valid steps of each row.
    """
    steps = values.shape[1]
    place = ops.arange(steps, dtype="int32")[None, :] - (
        steps - ops.expand_dims(ops.cast(lengths, "int32"), -1)
    )
    index = ops.expand_dims(ops.maximum(place, 0), -1)
    moved = ops.take_along_axis(values, ops.broadcast_to(index, ops.shape(values)), axis=1)
    return ops.where(ops.expand_dims(place >= 0, -1), moved, 0.0)
