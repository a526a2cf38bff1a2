"""Where the cells of a column lie in a file, of which a few are read here and there."""

import os
from typing import Any

import numpy as np
import pyarrow as pa

from plait.table._mapped import Mapped

_OFFSETS = {pa.string(): "int32", pa.binary(): "int32"}


class Spots:
    """The places of a column's cells in a mapped file.

    To look at one cell through the map lets the system bring in all that lies around it, megabytes of
    a large file, and it has to be given back. To read the cell's own bytes costs a tenth of it.

    Args:
        kind: of a cell, one that `Spots.serve`.
        chunks: the column, as it lies in the file.
        mapped: the file.
    """

    def __init__(self, kind: pa.DataType, chunks: list[pa.Array], mapped: Mapped) -> None:
        self._kind = kind
        self._read = mapped.read
        buffers = [chunk.buffers() for chunk in chunks]
        self._data = np.array([mapped.place(found[-1]) for found in buffers], "int64")
        self._first = np.array([chunk.offset for chunk in chunks], "int64")
        if kind in _OFFSETS:
            # Four bytes a cell, in memory: to read them, too, would double what a cell costs.
            ends = [np.frombuffer(found[1] or b"", _OFFSETS[kind]) for found in buffers]
            ends = [
                of[c.offset : c.offset + len(c) + 1] for c, of in zip(chunks, ends, strict=True)
            ]
            self._first = np.cumsum([0, *map(len, ends)])[:-1]
            self._ends = np.concatenate(ends)

    @staticmethod
    def serve(kind: pa.DataType) -> bool:
        """Whether cells of that type, and on this system, are read so."""
        whole = pa.types.is_primitive(kind) and kind.bit_width % 8 == 0
        return hasattr(os, "pread") and (whole or kind in _OFFSETS)

    def taken(self, chunks: np.ndarray, within: np.ndarray, valid: np.ndarray) -> pa.Array:
        """The cells `within` each of `chunks`, and which of them are not null; all `(cells,)`.

        Raises:
            OSError: they cannot be read.
            pa.ArrowInvalid: they have more than 2 GB.
        """
        at = within + self._first[chunks]
        bits = None if valid.all() else pa.array(valid).buffers()[1]
        if self._kind not in _OFFSETS:
            width = self._kind.bit_width // 8
            sizes = np.full(len(at), width)
            starts, offsets = at * width, []
        else:
            starts = self._ends[at]
            sizes = self._ends[at + 1] - starts
            ends = np.concatenate([[0], np.cumsum(sizes, dtype="int64")])
            if ends[-1] > np.iinfo(_OFFSETS[self._kind]).max:
                raise pa.ArrowInvalid(f"{ends[-1]:,} bytes are more than one array of text holds")
            offsets = [pa.py_buffer(ends.astype(_OFFSETS[self._kind]))]
        places = (self._data[chunks] + starts).tolist()
        data = b"".join(map(self._read, places, sizes.tolist()))
        parts = [bits, *offsets, pa.py_buffer(data)]
        return pa.Array.from_buffers(self._kind, len(at), parts)

    def cell(self, chunk: int, within: int) -> Any:
        """One cell that is not null, as a Python value.

        Raises:
            OSError: it cannot be read.
        """
        if self._kind not in _OFFSETS:
            found = self.taken(np.array([chunk]), np.array([within]), np.ones(1, bool))
            return found[0].as_py()
        start, end = self._ends[within + self._first[chunk] :][:2].tolist()
        data = self._read(int(self._data[chunk]) + start, end - start)
        return data.decode() if self._kind == pa.string() else data
