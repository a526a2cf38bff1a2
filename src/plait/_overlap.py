"""How much boxes overlap."""

from typing import Any

from keras import ops

_LEAST = 1e-6
"""Of an area that is divided by: boxes of no area overlap nothing."""


def areas(boxes: Any) -> Any:
    """`(...)` of corners `(..., 4)`: x0, y0, x1, y1; 0 of what is turned inside out."""
    sides = ops.maximum(boxes[..., 2:] - boxes[..., :2], 0.0)
    return sides[..., 0] * sides[..., 1]


def overlap(some: Any, others: Any) -> Any:
    """Intersection over union, `(...)` in [0, 1].

    Args:
        some: corners `(..., 4)`.
        others: corners of a shape that broadcasts with it.
    """
    both = _intersection(some, others)
    return both / ops.maximum(areas(some) + areas(others) - both, _LEAST)


def generalised_overlap(some: Any, others: Any) -> Any:
    """IoU - (hull - union) / hull, `(...)` in (-1, 1]: it tells how far apart boxes are, too.

    Args:
        some: corners `(..., 4)`.
        others: corners of a shape that broadcasts with it.

    References:
        H. Rezatofighi, N. Tsoi, J. Gwak, A. Sadeghian, I. Reid and S. Savarese. Generalized
        Intersection over Union, 2019, algorithm 1.
    """
    both = _intersection(some, others)
    union = areas(some) + areas(others) - both
    low = ops.minimum(some[..., :2], others[..., :2])
    high = ops.maximum(some[..., 2:], others[..., 2:])
    hull = areas(ops.concatenate([low, high], axis=-1))
    return both / ops.maximum(union, _LEAST) - (hull - union) / ops.maximum(hull, _LEAST)


def _intersection(some: Any, others: Any) -> Any:
    low = ops.maximum(some[..., :2], others[..., :2])
    high = ops.minimum(some[..., 2:], others[..., 2:])
    return areas(ops.concatenate([low, high], axis=-1))
