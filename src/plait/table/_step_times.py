"""The times of stretches of steps, those of steps without a row too."""

import numpy as np
import pyarrow as pa

from plait.table._column import Column
from plait.table._in_time import InTime
from plait.table._step_lists import stretches

_DAY = 86_400_000_000
"""In the microseconds of times."""


def times_lists(
    column: Column,
    steps: InTime,
    first: np.ndarray,
    sizes: np.ndarray,
    end: np.ndarray | None = None,
) -> pa.ListArray:
    """The times of some steps as lists of numbers, dates or times.

    A row's time is its own. A step without a row, or behind a series' last, has that of its place in
    the grid, if there is one; else it is not known, and empty.

    Args:
        column: the time of each of the table's rows.
        steps: which row each step is.
        first: see `list_of`.
        sizes: see `list_of`.
        end: see `list_of`.
    """
    ends, places, rows = stretches(steps, first, sizes, end)
    known = rows >= 0
    times = steps.times[np.where(known, rows, 0)]
    if steps.step is not None:
        # What is ahead begins where the next series does.
        within = np.repeat(first if end is None else end - 1, sizes)
        series = np.searchsorted(steps.starts, within, side="right") - 1
        since = (places - steps.starts[series]) * steps.step
        times = np.where(known, times, steps.times[steps.rows[steps.starts[series]]] + since)
        known = np.ones(len(known), bool)
    kind = _kind(column.type, steps)
    if pa.types.is_floating(kind):
        cells = pa.array(times, kind, mask=~known)
    else:
        whole = pa.array(np.rint(times).astype("int64"), mask=~known)
        cells = whole if pa.types.is_integer(kind) else whole.cast(pa.timestamp("us")).cast(kind)
    return pa.ListArray.from_arrays(pa.array(ends.astype("int32")), cells)


def _kind(kind: pa.DataType, steps: InTime) -> pa.DataType:
    """What holds the times: the column's own kind, unless a step's time may lie between its values."""
    if steps.times.dtype.kind == "f":
        parted = steps.step is not None and steps.step != round(steps.step)
        return pa.int64() if pa.types.is_integer(kind) and not parted else pa.float64()
    if pa.types.is_date(kind) and (steps.step is None or steps.step % _DAY == 0):
        return kind
    return pa.timestamp("us", kind.tz if pa.types.is_timestamp(kind) else None)
