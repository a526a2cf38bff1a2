"""One column of a table, with what a message needs to point into it."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from plait.table._cells import Cells, pieces

_BOOLEANS = {"true": True, "false": False}
_WHOLE = re.compile(r"[+-]?[0-9]+")


@dataclass(frozen=True)
class Column:
    """A named column and where it came from.

    Attributes:
        name: the column's name in its table.
        stored: the cells as they lie in memory or on disk.
        rows: each cell's row number in the source, counted from 1 without the header, `(rows,)`.
        source: the file's name, for messages.
        root: the folder, or its address, that media paths are relative to, or None.
        at: `(rows,)`, which of the stored cells these are, in order; None for all of them.
    """

    name: str
    stored: Cells | pa.ChunkedArray
    rows: np.ndarray
    source: str
    root: Path | str | None = None
    at: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.rows)

    @cached_property
    def cells(self) -> Cells:
        """The cells that these are some of."""
        return self.stored if isinstance(self.stored, Cells) else Cells(self.stored)

    @property
    def type(self) -> pa.DataType:
        """The cells' type."""
        return self.cells.type

    @cached_property
    def values(self) -> pa.ChunkedArray:
        """All cells, `(rows,)`, in memory. Of a column that may be long, `pieces` are better."""
        return self.cells.values if self.at is None else self.cells.taken(self.at)

    def cell(self, index: int) -> Any:
        """One cell as a Python value."""
        return self.cells.cell(int(index if self.at is None else self.at[index]))

    def pieces(self) -> Iterator["Column"]:
        """The column in parts of some megabytes, each in memory by itself."""
        size = self.cells.rows_at_once
        if len(self) <= size:
            yield self
            return
        for piece in pieces(len(self), size):
            rows = self.rows[piece]
            if self.at is None:
                yield replace(self, stored=self.cells.part(piece), rows=rows)
            else:
                yield replace(self, stored=self.cells, rows=rows, at=self.at[piece])

    def with_values(self, values: pa.ChunkedArray) -> "Column":
        """The same column with other cells in the place of these."""
        return replace(self, stored=Cells(values), at=None)

    def where(self, index: int) -> str:
        """`column 'price', row 17 of train.csv`."""
        return f"column '{self.name}', row {self.rows[index]} of {self.source}"

    def take(self, indices: np.ndarray) -> "Column":
        """The cells at `indices`, in that order."""
        at = indices if self.at is None else self.at[indices]
        return replace(self, stored=self.cells, rows=self.rows[indices], at=np.asarray(at, "int64"))

    def is_missing(self, also: Iterable[str] = ()) -> np.ndarray:
        """Which cells are empty: null, NaN, the empty string, or what a text in `also` says.

        A number or a boolean is what a text says if the text reads as it: "-1" and "-1.0" alike say
        that -1 means missing, whatever the file's reader made of the column.
        """
        texts = tuple(also)
        if _is_bytes(self.type):
            # Of media only the nulls count, and nobody has to read the rest for them.
            return ~self.cells.valid(self.at)
        return np.concatenate([_missing(piece.values, texts) for piece in self.pieces()])


def _is_bytes(kind: pa.DataType) -> bool:
    return bool(
        pa.types.is_binary(kind)
        or pa.types.is_large_binary(kind)
        or pa.types.is_fixed_size_binary(kind)
    )


def _missing(values: pa.ChunkedArray, texts: tuple[str, ...]) -> np.ndarray:
    kind = values.type
    missing = pc.is_null(values, nan_is_null=True)
    said = None
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        said = pa.array(["", *texts], kind)
    elif texts and pa.types.is_boolean(kind):
        said = pa.array([_BOOLEANS[t.lower()] for t in texts if t.lower() in _BOOLEANS], kind)
    elif texts and (pa.types.is_integer(kind) or pa.types.is_floating(kind)):
        said = _as_numbers(texts, kind)
    if said is not None:
        if pa.types.is_float16(kind):  # Arrow looks nothing up among these.
            values, said = values.cast(pa.float32()), said.cast(pa.float32())
        missing = pc.or_(missing, pc.fill_null(pc.is_in(values, value_set=said), False))
    if not isinstance(missing, pa.Array):
        missing = missing.combine_chunks()
    return missing.to_numpy(zero_copy_only=False)


def _as_numbers(texts: Iterable[str], kind: pa.DataType) -> pa.Array:
    """The numbers of a type that texts say; those that are none of it are left out."""
    found = []
    for text in texts:
        try:
            # As a float, neighbours beyond 2**53 would be one.
            number = int(text) if _WHOLE.fullmatch(text) else float(text)
            # Arrow would cut 1.5 to the integer 1.
            if float(number).is_integer() or not pa.types.is_integer(kind):
                found.append(pa.scalar(number, kind))
        except (ValueError, OverflowError):
            continue
    return pa.array(found, kind)
