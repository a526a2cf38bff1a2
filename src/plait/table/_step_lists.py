"""Stretches of steps as cells that hold lists."""

import numpy as np
import pyarrow as pa

from plait.table._in_time import InTime
from plait.table._table import Table


def lists_of(
    table: Table,
    values: tuple[str, ...],
    steps: InTime,
    first: np.ndarray,
    sizes: np.ndarray,
    end: np.ndarray | None = None,
) -> pa.StructArray:
    """A record of lists, one of each column in `values`; see `list_of`."""
    lists = [list_of(table.column(name).values, steps, first, sizes, end) for name in values]
    return pa.StructArray.from_arrays(lists, list(values))


def list_of(
    cells: pa.ChunkedArray,
    steps: InTime,
    first: np.ndarray,
    sizes: np.ndarray,
    end: np.ndarray | None = None,
) -> pa.ListArray:
    """The cells of some steps as lists.

    Args:
        cells: of the table's rows.
        steps: which row each step is.
        first: `(lists,)`, the first step of each.
        sizes: `(lists,)`, how many steps follow from there.
        end: `(lists,)`, the step from which on cells are empty; None for no such.
    """
    ends, _, rows = stretches(steps, first, sizes, end)
    taken = cells.combine_chunks().take(pa.array(rows, mask=rows < 0))
    return pa.ListArray.from_arrays(pa.array(ends.astype("int32")), taken)


def stretches(
    steps: InTime, first: np.ndarray, sizes: np.ndarray, end: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Some steps, end to end; see `list_of`.

    Returns:
        `(lists + 1,)`, where each list begins; and of each step its place among all, and the row that
        it is, or -1.
    """
    ends = np.concatenate([[0], np.cumsum(sizes)])
    places = np.arange(ends[-1]) - np.repeat(ends[:-1] - first, sizes)
    rows = steps.rows[np.minimum(places, len(steps.rows) - 1)]
    if end is not None:
        rows = np.where(places >= np.repeat(end, sizes), -1, rows)
    return ends, places, rows
