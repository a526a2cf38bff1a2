"""Where things lie along the two sides of a picture, out of boxes or of a mask."""

from typing import Any

import numpy as np
from keras import ops

from plait.heads import Sightings

_STEEP = 4.0
"""At its edge a box counts half, half a slice within it sigmoid(2)."""


def box_extents(logits: Any, kind: int, frame: tuple[int, ...], slices: int) -> Any:
    """The probability of the likeliest box of a kind in each slice, `(batch, 2, slices)`.

    A box ends gradually, so that the edge has a gradient.

    Args:
        logits: `(batch, positions, kinds + 8)`, of `BoxesHead`.
        kind: its number.
        frame: (height, width) of the picture as its encoder reads it.
        slices: how many each side is cut into, from left to right and from top to bottom.
    """
    seen = Sightings.of(ops.cast(logits, "float32"))
    shares = ops.expand_dims(ops.sigmoid(seen.kinds[..., kind]), -1)
    boxes = seen.boxes * (slices / np.array([*reversed(frame)] * 2, "float32"))
    places = ops.convert_to_tensor(np.arange(slices, dtype="float32") + 0.5)
    found = []
    for side in (0, 1):
        low, high = boxes[..., side : side + 1], boxes[..., side + 2 : side + 3]
        behind, before = ops.subtract(places, low), ops.subtract(high, places)
        within = ops.sigmoid(_STEEP * behind) * ops.sigmoid(_STEEP * before)
        found.append(ops.max(shares * within, axis=1))
    return ops.stack(found, axis=1)


def mask_extents(shares: Any, slices: int) -> Any:
    """The likeliest place in each slice of a map, `(batch, 2, slices)`.

    Args:
        shares: `(batch, rows, columns)`, the probability of one class.
        slices: as of `box_extents`; a cell that two of them share is in both.
    """
    found = []
    for side in (ops.max(shares, axis=1), ops.max(shares, axis=2)):
        cells = ops.take(side, _cells(side.shape[1], slices).reshape(-1), axis=1)
        found.append(ops.max(ops.reshape(cells, (-1, slices, cells.shape[1] // slices)), axis=2))
    return ops.stack(found, axis=1)


def _cells(count: int, slices: int) -> np.ndarray:
    """The cells of a side that lie in each slice, the last again and again, `(slices, most)` int32."""
    edges = np.arange(slices + 1) * count
    first, last = edges[:-1] // slices, -(-edges[1:] // slices) - 1
    steps = np.arange((last - first).max() + 1)
    return np.minimum(first[:, None] + steps, last[:, None]).astype("int32")
