"""One column of a table, with what a message needs to point into it."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc


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
        """Which cells are empty: null, NaN, the empty string, or one of the strings in `also`."""
        values = self.values
        missing = pc.is_null(values, nan_is_null=True)
        if pa.types.is_string(values.type) or pa.types.is_large_string(values.type):
            blank = pa.array(["", *also], type=values.type)
            missing = pc.or_(missing, pc.fill_null(pc.is_in(values, value_set=blank), False))
        return (
            missing.to_numpy(zero_copy_only=False)
            if isinstance(missing, pa.Array)
            else missing.combine_chunks().to_numpy(zero_copy_only=False)
        )
