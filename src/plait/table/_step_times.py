"""The times of stretches of steps, those of steps without a row too."""

import numpy as np
import pyarrow as pa

from plait.table._column import Column
from plait.table._in_time import InTime
from plait.table._step_lists import list_of, stretches
from plait.table._times import as_times

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

    Without a grid they are the cells as they are, of texts what those say; of a step behind a series'
    last there is none, so it is empty. In a grid such a step, and one without a row, has the time of
    its place, and all are to the microsecond, or as exact as float64.

    Args:
        column: the time of each of the table's rows.
        steps: which row each step is.
        first: see `list_of`.
        sizes: see `list_of`.
        end: see `list_of`.
    """
    if steps.step is None and as_times(column.values[:0]) is not None:
        return list_of(column.values, steps, first, sizes, end)
    ends, places, rows = stretches(steps, first, sizes, end)
    known = rows >= 0
    times = steps.times[np.where(known, rows, 0)]
    if steps.step is not None:
        gaps = np.flatnonzero(~known)
        # What is ahead begins where the next series does.
        within = first if end is None else end - 1
        series = np.searchsorted(steps.starts, within, side="right") - 1
        starts = np.repeat(steps.starts[series], sizes)[gaps]
        times[gaps] = steps.times[steps.rows[starts]] + (places[gaps] - starts) * steps.step
        known[:] = True
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
        whole = pa.types.is_integer(kind) and not pa.types.is_uint64(kind)
        return pa.int64() if whole and steps.step == round(steps.step or 0) else pa.float64()
    if pa.types.is_date(kind) and (steps.step is None or steps.step % _DAY == 0):
        return kind
    return pa.timestamp("us", kind.tz if pa.types.is_timestamp(kind) else None)
