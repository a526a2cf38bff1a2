"""A data set of Hugging Face's `datasets`."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from plait.errors import DataError
from plait.table._plain import with_items
from plait.table._remote import is_address, read_bytes
from plait.table._rows import stream_of_rows
from plait.table._stream import Stream

_BATCH = 1 << 10


def is_data_set(source: object) -> bool:
    """Whether it is one, or one that is streamed."""
    kind = type(source)
    return kind.__module__.partition(".")[0] == "datasets" and hasattr(source, "with_format")


def stream_of_data_set(source: Any, name: str) -> Stream:
    """Its rows; classes, and lists of them, by their names, pictures and sounds as their files' bytes.

    A class of -1 is a missing label, as it is there.

    Raises:
        DataError: it is empty, has several parts, or a file of it cannot be read.
    """
    if isinstance(source, Mapping):
        raise DataError(
            f"{name} has the parts {', '.join(map(repr, source))}. Take one of them, or give fit all: "
            "{'train': ..., 'validation': ...}."
        )
    features = source.features
    if not features:
        # Of a stream nobody knows the types before it is read.
        return stream_of_rows(source, name)

    def batches() -> Iterator[pa.RecordBatch]:
        for table in source.with_format("arrow").iter(batch_size=_BATCH):
            columns = {
                field.name: _plain(table.column(field.name), features.get(field.name), name)
                for field in table.schema
            }
            yield from pa.table(columns).combine_chunks().to_batches()

    first = next(batches(), None)
    if first is None:
        raise DataError(f"{name} is empty: it has no row.")
    return Stream(first.schema, batches)


def _plain(values: pa.ChunkedArray, feature: Any, name: str) -> pa.Array:
    values = values.combine_chunks()
    kind = values.type
    names = getattr(feature, "names", None)
    if names is not None and pa.types.is_integer(kind):
        return _named(values, names)
    names = getattr(getattr(feature, "feature", None), "names", None)
    if names is not None and _is_list(kind):
        return with_items(values, _named(pc.list_flatten(values), names))
    if pa.types.is_struct(kind) and {field.name for field in kind} == {"bytes", "path"}:
        return pa.array([_file(cell, name) for cell in values.to_pylist()], pa.binary())
    return values


def _named(places: pa.Array, names: Sequence[str]) -> pa.Array:
    place = places.fill_null(-1).to_numpy()
    return pa.array([*names, None]).take(pa.array(np.where(place < 0, len(names), place)))


def _is_list(kind: pa.DataType) -> bool:
    return bool(
        pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)
    )


def _file(cell: dict[str, Any] | None, name: str) -> bytes | None:
    if cell is None or (cell["bytes"] is None and cell["path"] is None):
        return None
    if cell["bytes"] is not None:
        return bytes(cell["bytes"])
    path = cell["path"]
    try:
        return read_bytes(path) if is_address(path) else Path(path).read_bytes()
    except OSError as error:
        raise DataError(f"{name}: the file '{path}' cannot be read: {error}") from error
