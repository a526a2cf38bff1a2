"""Which cells of a column are equal."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from plait.errors import DataError
from plait.table._column import Column


@dataclass(frozen=True)
class Codes:
    """Each cell as a number.

    Attributes:
        values: the distinct cells that say something, in the order of their first rows.
        places: `(rows,)` int64, where in `values` each cell is; -1 for an empty one.
    """

    values: pa.Array
    places: np.ndarray

    @classmethod
    def of(cls, column: Column) -> "Codes":
        """Those of a column.

        Raises:
            DataError: cells that are not compared with each other, such as lists.
        """
        found = cls.of_few(column, len(column) + 1) if is_comparable(column.type) else None
        if found is None:
            raise DataError(
                f"column '{column.name}' of {column.source} holds {column.type}, which cannot part "
                "a table. Use a column of text, whole numbers, yes/no or dates."
            )
        return found

    @classmethod
    def of_few(cls, column: Column, most: int) -> "Codes | None":
        """Those of a column of at most so many values, "empty" being one; else None.

        Of a column that has more, no more is read than tells so.
        """
        if pa.types.is_float16(column.type):  # Arrow looks nothing up among these.
            column = column.with_values(column.values.cast(pa.float32()))
        known = pa.array([], column.type)
        places: list[np.ndarray] = []
        gap = 0
        for piece in column.pieces():
            missing = piece.is_missing()
            gap = max(gap, int(missing.any()))
            new = pc.unique(piece.values.filter(pa.array(~missing)))
            known = pc.unique(pa.chunked_array([known, new], column.type))
            if len(known) + gap > most:
                return None
            place = pc.fill_null(pc.index_in(piece.values, value_set=known), -1)
            place = np.array(place.to_numpy(), "int64")
            place[missing] = -1
            places.append(place)
        return cls(known, np.concatenate(places))

    def with_empty_last(self) -> np.ndarray:
        """The places, where the empty cells are one more value."""
        return np.where(self.places < 0, len(self.values), self.places)

    def with_empty_apart(self) -> np.ndarray:
        """The places, where each empty cell is a value of its own."""
        empty = self.places < 0
        return np.where(empty, len(self.values) + np.cumsum(empty) - 1, self.places)


def is_comparable(kind: pa.DataType) -> bool:
    """Whether cells of a type are compared with each other."""
    return not (
        pa.types.is_nested(kind) or pa.types.is_binary(kind) or pa.types.is_large_binary(kind)
    )
