"""The operations of RandAugment that leave pictures where they are.

What looks at each value by itself is a table of 256 for each row and channel, made from how often each
value is there. So a picture is counted and looked up once, however many operations there are to choose
from.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from keras import ops

from plait.features._light import luminance
from plait.features._rand_augment import Drawn

_VALUES = 256
# At the largest magnitude, as in the authors' code.
_BLEND = 0.9
_BITS = 4
# The weight of a place among its eight neighbours, of which each weighs 1.
_OWN = 5.0


def recoloured(values: Any, operations: Sequence[Drawn]) -> Any:
    """Pictures `(batch, height, width, channels)` uint8 after these operations, one after another.

    One that moves pictures leaves them here as they are.
    """
    if not operations:
        return values
    each = ops.stack([drawn.operation for drawn in operations])
    signs = ops.stack([drawn.sign for drawn in operations])

    # A loop, so that what an operation gives has its place in memory: XLA would else make each pixel of
    # one anew for each of the neighbours that the next one reads, and again for the one after that.
    def step(n: Any, found: Any) -> Any:
        return _recoloured_by(Drawn(each[n], signs[n], operations[0].size), found)

    found = ops.fori_loop(0, len(operations), step, ops.cast(values, "int32"))
    return ops.cast(found, values.dtype)


def _recoloured_by(drawn: Drawn, values: Any) -> Any:
    places, counts = _numbered(values)
    tables = ops.cast(_whole(_tables(drawn, counts)), "float32")
    x = ops.take(ops.reshape(tables, (-1,)), places, axis=0)
    factor = (1 + _BLEND * drawn.size * drawn.sign)[:, None, None, None]
    blended = drawn.either("color", luminance(x), drawn.either("sharpness", _smoothed(x), x, 4), 4)
    return _whole(blended + factor * (x - blended))


def _numbered(values: Any) -> tuple[Any, Any]:
    """Each value's place among those of all rows and channels, and how often each is there.

    The counts are `(batch, channels, 256)` int32.
    """
    channels = values.shape[-1]
    row = ops.cumsum(ops.ones_like(values[:, 0, 0, 0]))[:, None, None, None] - 1
    place = (row * channels + ops.arange(channels, dtype="int32")) * _VALUES + values
    flat = ops.reshape(place, (-1,))
    size = ops.shape(values)[0] * channels * _VALUES
    counts = ops.segment_sum(ops.ones_like(flat), flat, num_segments=size)
    return place, ops.reshape(counts, (-1, channels, _VALUES))


def _tables(drawn: Drawn, counts: Any) -> Any:
    """What becomes of each value, `(batch, channels, 256)` float32."""
    value = np.arange(_VALUES)
    lost = 2 ** round(_BITS * drawn.size)
    inverted = np.where(value < 255 * (1 - drawn.size), value, 255 - value)
    same = ops.broadcast_to(_constant(value), ops.shape(counts))
    factor = (1 + _BLEND * drawn.size * drawn.sign)[:, None, None]
    middle = _middle(counts)
    table = same
    for name, found in (
        ("brightness", factor * same),
        ("contrast", middle + factor * (same - middle)),
        ("posterize", _constant(value // lost * lost)),
        ("solarize", _constant(inverted)),
        ("autocontrast", _stretched(counts, same)),
        ("equalize", _equalized(counts, same)),
    ):
        table = drawn.either(name, found, table, rank=3)
    return table


def _middle(counts: Any) -> Any:
    """Each picture's mean grey, `(batch, 1, 1)`, a whole number."""
    held = ops.cast(counts, "float32")
    means = ops.sum(held * _constant(np.arange(_VALUES)), axis=2) / ops.sum(held, axis=2)
    return ops.round(luminance(means[:, None, None]))[:, 0]


def _stretched(counts: Any, same: Any) -> Any:
    """From the lowest value of a channel to the highest, brought to all that there may be."""
    there = counts > 0
    low = ops.min(ops.where(there, same, 255.0), axis=2, keepdims=True)
    high = ops.max(ops.where(there, same, 0.0), axis=2, keepdims=True)
    apart = ops.where(high > low, high - low, 1.0)
    return ops.where(high > low, (same - low) * (255.0 / apart), same)


def _equalized(counts: Any, same: Any) -> Any:
    """Each value by how many places have a lower one, as Pillow counts."""
    high = ops.max(ops.where(counts > 0, same, 0.0), axis=2, keepdims=True)
    rest = ops.sum(ops.where(same == high, 0, counts), axis=2, keepdims=True)
    step = rest // 255
    below = ops.cumsum(counts, axis=2) - counts
    found = (step // 2 + below) // ops.maximum(step, 1)
    return ops.where(step > 0, ops.cast(found, "float32"), same)


def _smoothed(x: Any) -> Any:
    """Each place with its neighbours; those at the edge as they are."""
    height, width = x.shape[1:3]
    if min(height, width) < 3:
        return x
    rows = x[:, :-2] + x[:, 1:-1] + x[:, 2:]
    around = rows[:, :, :-2] + rows[:, :, 1:-1] + rows[:, :, 2:]
    inner = (around + (_OWN - 1) * x[:, 1:-1, 1:-1]) / (8 + _OWN)
    edge = np.ones((1, height, width, 1), bool)
    edge[:, 1:-1, 1:-1] = False
    padded = ops.pad(inner, ((0, 0), (1, 1), (1, 1), (0, 0)))
    return ops.where(ops.convert_to_tensor(edge), x, padded)


def _whole(x: Any) -> Any:
    return ops.cast(ops.clip(ops.round(x), 0, 255), "int32")


def _constant(values: Any) -> Any:
    return ops.convert_to_tensor(np.asarray(values, "float32")[None, None])
