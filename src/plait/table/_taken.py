"""Rows taken out of Arrow columns that lie in many chunks, or on disk."""

from collections.abc import Iterator

import numpy as np
import pyarrow as pa

PIECE = 1 << 16
"""Rows that are looked at together where a whole column need not be in memory."""

_AT_ONCE = 1 << 13


def taken(values: pa.ChunkedArray, indices: np.ndarray) -> pa.ChunkedArray:
    """The cells at `indices`, in that order.

    Arrow's own `take` makes one array of all chunks first, whatever is taken: of a column on disk
    that is all of it in memory.
    """
    if values.num_chunks <= 1:
        return values.take(pa.array(indices))
    ends = np.cumsum([len(chunk) for chunk in values.chunks])
    parts = [
        _some(values, ends, indices[start : start + _AT_ONCE])
        for start in range(0, len(indices), _AT_ONCE)
    ]
    return pa.chunked_array(parts, values.type)


def _some(values: pa.ChunkedArray, ends: np.ndarray, indices: np.ndarray) -> pa.Array:
    chunks = np.searchsorted(ends, indices, side="right")
    order = np.argsort(chunks, kind="stable")
    # Where the cells of a chunk begin among those in order.
    starts = np.flatnonzero(np.diff(chunks[order], prepend=-1))
    found = []
    for start, end in zip(starts, [*starts[1:], len(order)], strict=True):
        chunk = int(chunks[order[start]])
        first = 0 if chunk == 0 else int(ends[chunk - 1])
        found.append(values.chunk(chunk).take(pa.array(indices[order[start:end]] - first)))
    if len(found) == 1 and len(starts) == 1:
        joined = found[0]
    else:
        joined = pa.concat_arrays(found)
    back = np.empty(len(order), "int64")
    back[order] = np.arange(len(order))
    return joined.take(pa.array(back))


def pieces(rows: int) -> Iterator[slice]:
    """Slices of at most `PIECE` rows that make up all of them."""
    for start in range(0, rows, PIECE):
        yield slice(start, min(start + PIECE, rows))
