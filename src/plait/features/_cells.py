"""A feature's cells: how they are brought to plain Arrow types, and what becomes of broken ones."""

from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from plait.errors import DataError
from plait.features._feature import BrokenCell, OnError
from plait.table import Column


def plain(column: Column) -> Column:
    """The column without dictionaries and with one type of string.

    Raises:
        DataError: cells of an extension type, on which Arrow computes nothing.
    """
    kind = column.type
    if isinstance(kind, pa.BaseExtensionType):
        raise DataError(
            f"column '{column.name}' of {column.source}: no feature reads {kind}. Write it as text, "
            "numbers or dates."
        )
    if pa.types.is_dictionary(kind):
        column = column.with_values(column.values.cast(kind.value_type))
        kind = column.type
    if pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        column = column.with_values(column.values.cast(pa.string()))
    return column


def is_bytes(kind: pa.DataType) -> bool:
    """Whether the type holds bytes."""
    return (
        pa.types.is_binary(kind)
        or pa.types.is_large_binary(kind)
        or pa.types.is_fixed_size_binary(kind)
        or pa.types.is_binary_view(kind)
    )


def is_list(kind: pa.DataType) -> bool:
    """Whether cells of the type are lists, of any or of one length."""
    return (
        pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)
    )


def spelling(value: Any) -> str:
    """The one spelling of a category: a table may hold 1 where another holds 1.0 or "1"."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).strip()


def broken_cells(
    column: Column, reasons: Mapping[int, str], on_error: OnError
) -> tuple[BrokenCell, ...]:
    """The cells that cannot be read.

    Args:
        column: their column.
        reasons: what is wrong, by the cell's place in the column.
        on_error: what becomes of them.

    Raises:
        DataError: there is one, and `on_error` is "raise".
    """
    if reasons and on_error == "raise":
        first = min(reasons)
        raise DataError(f"{column.where(first)}: {reasons[first]}")
    return tuple(
        BrokenCell(int(column.rows[place]), column.source, column.name, reasons[place])
        for place in sorted(reasons)
    )


def empty_column(column: Column) -> DataError:
    """The error of a column that has nothing to learn from."""
    return DataError(
        f"column '{column.name}' of {column.source} is empty in every training row. Leave it out "
        "of the features."
    )
