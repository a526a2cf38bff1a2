"""Where things lie along the two sides of a picture, out of boxes or of a mask."""

from typing import Any

import numpy as np
from keras import ops

from plait.heads import Sightings
from plait.tasks._enlarge import bilinear, middles

_LIKELIEST = 64
"""Boxes of a picture that are looked at; more of them cost time in each step."""


def box_extents(logits: Any, kind: int, frame: tuple[int, ...], slices: int) -> Any:
    """The probability of the likeliest box of a kind in each slice, `(batch, 2, slices)`.

    A box ends gradually, half of it half a slice within its edge, so that the edge has a gradient.

    Args:
        logits: `(batch, positions, kinds + 8)`, of `BoxesHead`.
        kind: its number.
        frame: (height, width) of the picture as its encoder reads it.
        slices: how many each side is cut into, from left to right and from top to bottom.
    """
    seen = Sightings.of(ops.cast(logits, "float32"))
    shares = ops.sigmoid(seen.kinds[..., kind])
    shares, which = ops.top_k(shares, min(_LIKELIEST, shares.shape[1]))
    boxes = ops.take_along_axis(seen.boxes, which[..., None], axis=1)
    sizes = np.array([*reversed(frame)] * 2, "float32")
    boxes = boxes * (slices / sizes)
    places = ops.convert_to_tensor(np.arange(slices, dtype="float32") + 0.5)
    found = []
    for side in (0, 1):
        low, high = boxes[..., side : side + 1], boxes[..., side + 2 : side + 3]
        within = ops.sigmoid(4 * ops.subtract(places, low)) * ops.sigmoid(4 * (high - places))
        found.append(ops.max(ops.expand_dims(shares, -1) * within, axis=1))
    return ops.stack(found, axis=1)


def mask_extents(shares: Any, slices: int) -> Any:
    """The likeliest place of each of a map's columns and of its rows, `(batch, 2, slices)`.

    Args:
        shares: `(batch, rows, columns)`, the probability of one class.
        slices: as of `box_extents`.
    """
    found = []
    for side in (ops.max(shares, axis=1), ops.max(shares, axis=2)):
        cells = bilinear(middles(slices), side.shape[1])
        found.append(ops.matmul(side, ops.convert_to_tensor(cells.T)))
    return ops.stack(found, axis=1)
