"""From coarse maps to as many pixels as a mask has, bilinearly."""

from typing import Any

import numpy as np
from keras import ops


def bilinear(places: np.ndarray, cells: int) -> np.ndarray:
    """How much of each cell there is at each place, `(places, cells)` float32; rows add up to 1.

    Args:
        places: from 0 to 1 along a side that the cells lie along evenly.
        cells: how many; beyond the middle of the outermost ones there is nothing but these.
    """
    at = np.clip(places * cells - 0.5, 0, cells - 1)
    return np.maximum(0, 1 - np.abs(at[:, None] - np.arange(cells))).astype("float32")


def middles(count: int) -> np.ndarray:
    """Where the middles of so many pixels lie along their side, from 0 to 1."""
    return (np.arange(count) + 0.5) / count


def enlarged(logits: Any, height: int, width: int) -> Any:
    """Maps of a frame's size, in the order that is fast on a CPU.

    Two products of matrices, where an operation on pictures is slow to compile and has a slow gradient;
    and the classes before the places, since a sum over a short last axis is slow, too.

    Args:
        logits: `(batch, rows, columns, classes)`.
        height: of the frame.
        width: of the frame.

    Returns:
        `(batch, classes, width, height)`.
    """
    _, rows, columns, classes = logits.shape
    across = ops.convert_to_tensor(bilinear(middles(width), columns).T)
    down = ops.convert_to_tensor(bilinear(middles(height), rows).T)
    maps = ops.reshape(ops.transpose(logits, (0, 3, 1, 2)), (-1, columns))
    maps = ops.reshape(ops.matmul(maps, across), (-1, classes, rows, width))
    maps = ops.reshape(ops.transpose(maps, (0, 1, 3, 2)), (-1, rows))
    return ops.reshape(ops.matmul(maps, down), (-1, classes, width, height))
