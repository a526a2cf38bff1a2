"""Columns in Arrow's plain types: without dictionaries, which frames like, and without views."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from plait.errors import DataError


def check_columns(table: pa.Table, name: str) -> pa.Table:
    """The table with plain columns.

    Dictionary columns become their values, and string views (such as those of polars) strings.

    Raises:
        DataError: a column's name stands twice, or there is no row or no column.
    """
    names = table.column_names
    check_names(names, name)
    if not names or table.num_rows == 0:
        raise DataError(f"{name} is empty: it has {len(names)} columns and {table.num_rows} rows.")
    for place, field in enumerate(table.schema):
        kind = _plain(field.type)
        if kind != field.type:
            chunks = [_as_plain(chunk) for chunk in table.column(place).chunks]
            table = table.set_column(place, field.name, pa.chunked_array(chunks, kind))
    return table


def check_names(names: Sequence[str], table: str) -> None:
    """Refuses a column's name that stands twice.

    Raises:
        DataError: names it.
    """
    twice = sorted({n for n in names if names.count(n) > 1})
    if twice:
        raise DataError(
            f"{table}: the column '{twice[0]}' is there {names.count(twice[0])} times. Give each "
            "column a name of its own."
        )


def plain_schema(schema: pa.Schema) -> pa.Schema:
    """The schema with plain types, and with short strings only, which are read where they lie."""
    kinds = [(field.name, field.type, _short(_plain(field.type))) for field in schema]
    # Lists of one type may differ in what they call their items.
    return pa.schema([(name, was if was == kind else kind) for name, was, kind in kinds])


def plain_batch(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    """A batch of a table with that plain schema; a column that it lacks is empty.

    Raises:
        pa.ArrowInvalid: a cell that the column's type does not hold; names the column.
    """
    names = set(batch.schema.names)
    columns = [
        _cast(batch.column(field.name), field)
        if field.name in names
        else pa.nulls(batch.num_rows, field.type)
        for field in schema
    ]
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def _cast(cells: pa.Array, field: pa.Field) -> pa.Array:
    try:
        return _as_plain(cells).cast(field.type)
    except pa.ArrowInvalid as error:
        raise pa.ArrowInvalid(f"column '{field.name}': {error}") from error


def _short(kind: pa.DataType) -> pa.DataType:
    return pa.string() if pa.types.is_large_string(kind) else kind


def _plain(kind: pa.DataType) -> pa.DataType:
    """The type that is left; Arrow can neither take from views nor search in them."""
    if pa.types.is_dictionary(kind):
        return _plain(kind.value_type)
    if pa.types.is_string_view(kind):
        return pa.large_string()
    if pa.types.is_binary_view(kind):
        return pa.large_binary()
    if pa.types.is_list(kind):
        return pa.list_(_plain(kind.value_type))
    if pa.types.is_large_list(kind):
        return pa.large_list(_plain(kind.value_type))
    return kind


def _as_plain(values: Any) -> Any:
    kind = _plain(values.type)
    if kind == values.type:
        return values
    if pa.types.is_dictionary(values.type):
        # Arrow casts no dictionary of views, but their values alone.
        return _as_plain(values.dictionary).take(values.indices)
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return with_items(values, _as_plain(pc.list_flatten(values)))
    return values.cast(kind)


def with_items(lists: Any, items: Any) -> Any:
    """Lists of the same lengths of other items, which are given flat."""
    # A chunk may be a slice, whose offsets do not start at 0.
    sizes = pc.fill_null(pc.list_value_length(lists), 0).to_numpy(zero_copy_only=False)
    large = pa.types.is_large_list(lists.type)
    offsets = pa.array(
        np.concatenate([[0], np.cumsum(sizes)]).astype("int64" if large else "int32")
    )
    whole = pa.LargeListArray if large else pa.ListArray
    return whole.from_arrays(offsets, items, mask=lists.is_null())
