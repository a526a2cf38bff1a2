"""A number for what a cell holds, by which equal cells of any type are told."""

from collections.abc import Iterable
from hashlib import blake2b
from typing import Any

import numpy as np
import pyarrow as pa

from plait.table._column import Column

_BYTES = 8


def contents(column: Column) -> np.ndarray:
    """`(rows,)` int64, the same for the same cells, whichever other rows there are; 0 where null.

    It is a hash of 64 bits: of a million different cells two have the same number in one table of some
    37 million.
    """
    found = [np.zeros(0, "int64"), *(_of(piece.values) for piece in column.pieces())]
    return np.concatenate(found)


def _of(values: pa.ChunkedArray) -> np.ndarray:
    # What comes back is hashed once.
    try:
        coded = values if pa.types.is_dictionary(values.type) else values.dictionary_encode()
    except pa.ArrowNotImplementedError:  # lists, records, half precision
        return _hashes(values.to_pylist())
    parts = [np.zeros(0, "int64")]
    for chunk in coded.chunks:
        known = np.append(_hashes(chunk.dictionary.to_pylist()), 0)
        parts.append(known[chunk.indices.fill_null(len(known) - 1).to_numpy()])
    return np.concatenate(parts)


def _hashes(cells: Iterable[Any]) -> np.ndarray:
    return np.fromiter((0 if cell is None else _hash(cell) for cell in cells), "int64")


def _hash(cell: Any) -> int:
    said = cell if isinstance(cell, bytes) else f"{type(cell).__name__} {cell!r}".encode()
    return int.from_bytes(blake2b(said, digest_size=_BYTES).digest(), "little", signed=True)
