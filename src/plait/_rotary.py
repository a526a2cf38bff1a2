"""Places told by turning, so that a product of two turned vectors knows how far apart they are."""

from typing import Any

import numpy as np
from keras import ops

_LONGEST_WAVE = 10_000.0


def angles(tokens: int, size: int) -> np.ndarray:
    """How far each pair of the numbers of a vector is turned, `(tokens, size // 2)` float32.

    Args:
        tokens: how many places, from 0.
        size: of a vector.
    """
    half = size // 2
    rates = _LONGEST_WAVE ** (-np.arange(half) / max(half, 1))
    return np.outer(np.arange(tokens), rates).astype("float32")


def turned(x: Any, by: Any) -> Any:
    """Each number of the first half beside its partner in the second, turned in their plane.

    Args:
        x: `(..., tokens, size)`; the last number of an odd size stays.
        by: `(tokens, size // 2)`, the angles.
    """
    half = by.shape[-1]
    cos, sin = (ops.cast(wave(by), x.dtype) for wave in (ops.cos, ops.sin))
    first, second = x[..., :half], x[..., half : 2 * half]
    parts = [first * cos - second * sin, second * cos + first * sin, x[..., 2 * half :]]
    return ops.concatenate(parts, axis=-1)
