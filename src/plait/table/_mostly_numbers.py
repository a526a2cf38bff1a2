"""Columns of texts most of which are numbers."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from plait.errors import DataError
from plait.table._column import Column

NUMBER = r"(?i)^[+-]?((\d+\.?\d*|\.\d+)(e[+-]?\d+)?|inf|infinity)$"
"""A text that is a number, as a regular expression."""
_MOST = 0.5


def refuse_mostly_numbers(column: Column) -> None:
    """Refuses texts of which at least half, but not all, are numbers: a column that a few cells spoil.

    Raises:
        DataError: names the first cell that is none.
    """
    if not (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)):
        return
    there = ~column.is_missing()
    texts = pc.utf8_trim_whitespace(column.values)
    number = np.asarray(pc.fill_null(pc.match_substring_regex(texts, NUMBER), False)) & there
    odd = np.flatnonzero(there & ~number)
    if not len(odd) or number.sum() < _MOST * there.sum():
        return
    raise DataError(
        f"{column.where(int(odd[0]))}: {column.values[int(odd[0])].as_py()!r} is no number, and "
        f"{int(number.sum())} of the column's {int(there.sum())} cells are. Empty it if it stands for "
        "a gap; or name in Windows(values=...) the columns that become lists, without this one."
    )
