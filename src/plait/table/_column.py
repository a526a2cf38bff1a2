"""One column of a table, with what a message needs to point into it."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

_BOOLEANS = {"true": True, "false": False}
_WHOLE = re.compile(r"[+-]?[0-9]+")


@dataclass(frozen=True)
class Column:
    """A named column and where it came from.

    Attributes:
        name: the column's name in its table.
        values: the cells, `(rows,)`.
        rows: each cell's row number in the source, counted from 1 without the header, `(rows,)`.
        source: the file's name, for messages.
        root: the folder that media paths are relative to, or None.
    """

    name: str
    values: pa.ChunkedArray
    rows: np.ndarray
    source: str
    root: Path | None = None

    def __len__(self) -> int:
        return len(self.values)

    def where(self, index: int) -> str:
        """`column 'price', row 17 of train.csv`."""
        return f"column '{self.name}', row {self.rows[index]} of {self.source}"

    def take(self, indices: np.ndarray) -> "Column":
        """The cells at `indices`, in that order."""
        return Column(
            self.name,
            self.values.take(pa.array(indices)),
            self.rows[indices],
            self.source,
            self.root,
        )

    def is_missing(self, also: Iterable[str] = ()) -> np.ndarray:
        """Which cells are empty: null, NaN, the empty string, or what a text in `also` says.

        A number or a boolean is what a text says if the text reads as it: "-1" and "-1.0" alike say
        that -1 means missing, whatever the file's reader made of the column.
        """
        values = self.values
        kind = values.type
        missing = pc.is_null(values, nan_is_null=True)
        texts = tuple(also)
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
        return (
            missing.to_numpy(zero_copy_only=False)
            if isinstance(missing, pa.Array)
            else missing.combine_chunks().to_numpy(zero_copy_only=False)
        )


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
