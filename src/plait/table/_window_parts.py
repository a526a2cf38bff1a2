"""Which part of a split each window is in."""

import numpy as np
import pyarrow as pa

from plait.table._codes import Codes
from plait.table._column import Column
from plait.table._in_time import InTime
from plait.table._split import PARTS


def said_parts(
    column: Column, steps: InTime, now: np.ndarray, end: np.ndarray, horizon: int
) -> pa.Array:
    """`(windows,)`, the part that a column says of each future; null where it is not one alone.

    Args:
        column: the part of each row of the table, empty for none.
        steps: which row each step is.
        now: `(windows,)`, the first step of each future.
        end: `(windows,)`, the end of each series.
        horizon: steps of a future.
    """
    future = now[:, None] + np.arange(horizon)
    codes = Codes.of(column)
    rows = steps.rows[np.minimum(future, len(steps.rows) - 1)]
    rows = np.where(future < end[:, None], rows, -1)
    part = np.where(rows >= 0, codes.places[np.maximum(rows, 0)], -1)
    # A step without a row says nothing of its part.
    least = np.where(rows >= 0, part, part.max(axis=1, keepdims=True)).min(axis=1)
    in_one = (least == part.max(axis=1)) & (least >= 0)
    return codes.values.take(pa.array(np.maximum(least, 0), mask=~in_one))


def counted_parts(
    counts: tuple[int, int, int], steps: InTime, now: np.ndarray, end: np.ndarray, horizon: int
) -> pa.Array:
    """The same, where so many steps of each series train, choose and test; without a horizon, of the
    part that a window's last step is in.
    """
    told = now[:, None] + (np.arange(horizon) if horizon else -1)
    series = np.searchsorted(steps.starts, now - 1, side="right") - 1
    place = told - steps.starts[series][:, None]
    part = np.searchsorted(np.cumsum(np.array(counts)), place, side="right")
    in_one = (part == part[:, :1]).all(axis=1) & (part[:, 0] < len(PARTS))
    in_one &= (told < end[:, None]).all(axis=1)
    return pa.array(PARTS).take(pa.array(part[:, 0] % len(PARTS), mask=~in_one))
