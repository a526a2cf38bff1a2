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
        if not is_comparable(column.type):
            raise DataError(
                f"column '{column.name}' of {column.source} holds {column.type}, which cannot part "
                "a table. Use a column of text, whole numbers, yes/no or dates."
            )
        column = _searched(column)
        found, places = [], []
        count = 0
        # Each piece has numbers of its own first: a search among all values so far would hash them
        # anew for each piece.
        for piece in column.pieces():
            new = _distinct(piece, piece.is_missing())
            place = pc.fill_null(pc.index_in(piece.values, value_set=new), -1).to_numpy()
            places.append(np.where(place < 0, -1, place.astype("int64") + count))
            found.append(new)
            count += len(new)
        every = pa.chunked_array(found, column.type)
        values = every.unique()
        number = np.append(pc.index_in(every, value_set=values).to_numpy(), -1).astype("int64")
        return cls(values, number[np.concatenate(places)])

    @classmethod
    def of_few(cls, column: Column, most: int) -> "Codes | None":
        """Those of a column of at most so many values, "empty" being one; else None.

        Of a column that has more, no more is read than tells so.
        """
        column = _searched(column)
        known = pa.array([], column.type)
        gap = 0
        for piece in column.pieces():
            missing = piece.is_missing()
            gap = max(gap, int(missing.any()))
            known = pc.unique(pa.chunked_array([known, _distinct(piece, missing)]))
            if len(known) + gap > most:
                return None
        return cls.of(column)

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


def _distinct(piece: Column, missing: np.ndarray) -> pa.Array:
    return pc.unique(piece.values.filter(pa.array(~missing)))


def _searched(column: Column) -> Column:
    """The column in a type that Arrow looks cells up in, which it does not in half precision."""
    if pa.types.is_float16(column.type):
        return column.with_values(column.values.cast(pa.float32()))
    return column
