"""A text column's cells, whether each is one text or a list of its tokens."""

from typing import Any

import numpy as np
import pyarrow as pa

from plait.errors import DataError
from plait.features._cells import is_bytes, plain
from plait.table import Column

Cell = str | list[str]
"""A text, or its tokens."""


def read_cells(column: Column, missing: tuple[str, ...]) -> tuple[list[Cell], np.ndarray]:
    """Each cell, "" where it is empty, and which cells are there.

    Raises:
        DataError: cells that are no text.
    """
    column = plain(column)
    present = ~column.is_missing(missing)
    kind = column.type
    lists = _is_list(kind)
    of = kind.value_type if lists else kind
    if present.any() and (pa.types.is_nested(of) or is_bytes(of)):
        first = int(np.argmax(present))
        raise DataError(
            f"{column.where(first)}: Text expects text, numbers or lists of tokens. Received {kind}. "
            "Decode bytes to text before they come into the table."
        )
    cells = column.values.to_pylist()
    if lists:
        return [[_text(token) for token in cell or ()] for cell in cells], present
    return [_text(cell) for cell in cells], present


def text_of(cell: Cell) -> str:
    """The cell as one text."""
    return cell if isinstance(cell, str) else " ".join(cell)


def words_of(cell: Cell) -> list[str]:
    """The cell's tokens: the elements of a list, or what stands between blanks."""
    return cell.split() if isinstance(cell, str) else cell


def _is_list(kind: pa.DataType) -> bool:
    return bool(
        pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)
    )


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)
