"""How much boxes overlap."""

from typing import Any

from keras import ops

_LEAST = 1e-6
"""Of an area that is divided by: boxes of no area overlap nothing."""


def areas(boxes: Any) -> Any:
    """`(...)` of corners `(..., 4)`: x0, y0, x1, y1; 0 of what is turned inside out."""
    x0, y0, x1, y1 = _corners(boxes)
    return _area(x1 - x0, y1 - y0)


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
    ours, theirs = _corners(some), _corners(others)
    low = [ops.minimum(a, b) for a, b in zip(ours[:2], theirs[:2], strict=True)]
    high = [ops.maximum(a, b) for a, b in zip(ours[2:], theirs[2:], strict=True)]
    hull = _area(high[0] - low[0], high[1] - low[1])
    return both / ops.maximum(union, _LEAST) - (hull - union) / ops.maximum(hull, _LEAST)


def _intersection(some: Any, others: Any) -> Any:
    ours, theirs = _corners(some), _corners(others)
    low = [ops.maximum(a, b) for a, b in zip(ours[:2], theirs[:2], strict=True)]
    high = [ops.minimum(a, b) for a, b in zip(ours[2:], theirs[2:], strict=True)]
    return _area(high[0] - low[0], high[1] - low[1])


def _corners(boxes: Any) -> tuple[Any, ...]:
    """x0, y0, x1 and y1, `(...)` each: where all boxes meet all others, a last axis costs memory."""
    return tuple(boxes[..., n] for n in range(4))


def _area(width: Any, height: Any) -> Any:
    return ops.maximum(width, 0.0) * ops.maximum(height, 0.0)
