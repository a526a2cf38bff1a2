"""The cells of a column, in many chunks or on disk, of which some are taken out."""

from collections.abc import Iterator
from functools import cached_property
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa

from plait.table._mapped import Mapped
from plait.table._spots import Spots

PIECE = 1 << 16
"""Rows, at most, that are looked at together where a whole column need not be in memory."""
_PIECE_BYTES = 1 << 24
_AT_ONCE = 1 << 13
_CELLS_OF_A_TAKE = 8
"""To take from a chunk costs as much as to cut so many cells out of it, one by one."""
_SPOTS_OF_A_TAKE = 64
"""Of a chunk in a mapped file, which is brought into memory for it: as much as to read so many."""
_NARROW = 1 << 25
"""Bytes, at most, of the columns of a table on disk that are brought into memory."""

_Found = TypeVar("_Found", pa.Array, pa.ChunkedArray)


class Cells:
    """Cells as they lie in memory or on disk.

    Args:
        values: the cells.
        mapped: the file that they lie in, if they do.
    """

    def __init__(self, values: pa.ChunkedArray, mapped: Mapped | None = None) -> None:
        self.values = values
        self.mapped = mapped

    def __len__(self) -> int:
        return len(self.values)

    @property
    def type(self) -> pa.DataType:
        """Of a cell."""
        return self.values.type

    @cached_property
    def rows_at_once(self) -> int:
        """How many of them are some megabytes."""
        each = max(1, self.values.nbytes // max(1, len(self.values)))
        return int(max(1, min(PIECE, _PIECE_BYTES // each)))

    def taken(self, indices: np.ndarray) -> pa.ChunkedArray:
        """The cells at `indices`, in that order.

        Arrow's own `take` makes one array of all chunks first, whatever is taken: of a column on disk
        that is all of it in memory.
        """
        if len(self._chunks) <= 1:
            return self._counted(self.values.take(pa.array(indices)))
        size = min(_AT_ONCE, self.rows_at_once)
        parts = [self._some(indices[n : n + size]) for n in range(0, len(indices), size)]
        return pa.chunked_array(parts, self.type)

    def cell(self, index: int) -> Any:
        """One cell as a Python value."""
        if self._spots is None:
            found = self.values[index].as_py()
            if self.mapped is not None:
                self.mapped.count(len(found) if isinstance(found, bytes | str) else 0, 1)
            return found
        if not self._valid[index]:
            return None
        place = int(np.searchsorted(self._ends, index, side="right"))
        return self._spots.cell(place, index - int(self._starts[place]))

    def part(self, piece: slice) -> "Cells":
        """The cells of a slice, which lie where they lay."""
        found = self.values.slice(piece.start, piece.stop - piece.start)
        if self.mapped is not None:
            self.mapped.count(found.nbytes)
        return Cells(found, self.mapped)

    def valid(self, indices: np.ndarray | None) -> np.ndarray:
        """Which cells, of those at `indices` or of all, are not null, without a look at the others."""
        return self._valid if indices is None else self._valid[indices]

    @cached_property
    def _valid(self) -> np.ndarray:
        flags = [chunk.is_valid().to_numpy(zero_copy_only=False) for chunk in self._chunks]
        return np.concatenate([np.zeros(0, bool), *flags])

    @cached_property
    def _chunks(self) -> list[pa.Array]:
        return self.values.chunks

    @cached_property
    def _ends(self) -> np.ndarray:
        return np.cumsum([len(chunk) for chunk in self._chunks])

    @cached_property
    def _starts(self) -> np.ndarray:
        return self._ends - [len(chunk) for chunk in self._chunks]

    @cached_property
    def _spots(self) -> Spots | None:
        """Where they lie in the file, if they do and are to be read there."""
        if self.mapped is None or not Spots.serve(self.type):
            return None
        return Spots(self.type, self._chunks, self.mapped)

    def _counted(self, found: _Found) -> _Found:
        """The same, of which the mapped file is told that it was read through the map."""
        if self.mapped is not None:
            self.mapped.count(found.nbytes, len(found))
        return found

    def _few(self, places: np.ndarray, indices: np.ndarray) -> pa.Array:
        """Each cell by itself, for the few that a batch has of each of many chunks."""
        within = indices - self._starts[places]
        if self._spots is not None:
            return self._spots.taken(places, within, self._valid[indices])
        cells = zip(places.tolist(), within.tolist(), strict=True)
        return self._counted(
            pa.concat_arrays([self._chunks[place].slice(n, 1) for place, n in cells])
        )

    def _some(self, indices: np.ndarray) -> pa.Array:
        places = np.searchsorted(self._ends, indices, side="right")
        few = _CELLS_OF_A_TAKE if self._spots is None else _SPOTS_OF_A_TAKE
        if len(indices) <= few * len(np.unique(places)):
            return self._few(places, indices)
        order = np.argsort(places, kind="stable")
        # Where the cells of a chunk begin among those in order.
        starts = np.flatnonzero(np.diff(places[order], prepend=-1))
        found = []
        for start, end in zip(starts, [*starts[1:], len(order)], strict=True):
            place = int(places[order[start]])
            within = indices[order[start:end]] - self._starts[place]
            found.append(self._chunks[place].take(pa.array(within)))
        back = np.empty(len(order), "int64")
        back[order] = np.arange(len(order))
        joined = found[0] if len(found) == 1 else pa.concat_arrays(found)
        return self._counted(joined.take(pa.array(back)))


def cells_of(table: pa.Table, mapped: Mapped | None) -> dict[str, Cells]:
    """The cells of each column, of which some may lie in a mapped file.

    Those of the narrowest, if they are numbers, booleans, times or text, are brought into memory as
    long as it is little: there a cell is found ten times as fast.
    """
    found = {name: Cells(table.column(name)) for name in table.column_names}
    if mapped is None:
        return found
    left = _NARROW
    for name in sorted(found, key=lambda name: found[name].values.nbytes):
        values = found[name].values
        if not mapped.holds(values):
            continue
        left -= values.nbytes
        if left < 0 or not (pa.types.is_primitive(values.type) or Spots.serve(values.type)):
            found[name] = Cells(values, mapped)
            continue
        # With nothing behind it, a single chunk would not be copied.
        whole = pa.concat_arrays([*values.chunks, pa.array([], values.type)])
        found[name] = Cells(pa.chunked_array([whole]))
        mapped.count(values.nbytes)
    return found


def pieces(rows: int, size: int) -> Iterator[slice]:
    """Slices of at most `size` rows that make up all of them."""
    for start in range(0, rows, size):
        yield slice(start, min(start + size, rows))
