"""A feature's cells: how they are brought to plain Arrow types."""

import pyarrow as pa

from plait.errors import DataError
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


def empty_column(column: Column) -> DataError:
    """The error of a column that has nothing to learn from."""
    return DataError(
        f"column '{column.name}' of {column.source} is empty in every training row. Leave it out "
        "of the features."
    )
