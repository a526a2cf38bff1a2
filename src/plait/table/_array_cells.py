"""Cells that are arrays of several axes, such as masks, as Arrow can hold them."""

from typing import Any

import numpy as np


def as_lists(cells: Any) -> Any:
    """A column whose cells are lists of lists, where they were arrays of several axes."""
    if isinstance(cells, np.ndarray):
        return _nested(cells) if cells.ndim > 1 else cells
    if not isinstance(cells, list | tuple) or not has_arrays(cells):
        return cells
    return [_nested(cell) if isinstance(cell, np.ndarray) else cell for cell in cells]


def has_arrays(cells: Any) -> bool:
    """Whether the first cell that is there is an array of several axes; to pandas NaN is none."""
    there = (cell for cell in cells if cell is not None and not isinstance(cell, float))
    first = next(there, None)
    return isinstance(first, np.ndarray) and first.ndim > 1


def _nested(array: np.ndarray) -> Any:
    """Lists of lists down to arrays of one axis, which Arrow reads as they are."""
    return [_nested(part) for part in array] if array.ndim > 1 else array
