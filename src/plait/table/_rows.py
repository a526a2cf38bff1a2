"""Rows that come one by one, as dicts."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain, islice
from typing import Any

import pyarrow as pa

from plait.errors import DataError
from plait.table._array_cells import as_lists
from plait.table._kept import IN_MEMORY, kept
from plait.table._plain import check_names
from plait.table._stream import Stream, joined

_BLOCK = 1 << 12


def stream_of_rows(rows: Iterable[Mapping[str, Any]], name: str) -> Stream:
    """All rows of an iterator, which is read once, in types that hold all of them.

    A column is there if any row has it; in the other rows it is empty. A value that is no text, number,
    date, bytes or list of such, but a picture of Pillow's, becomes the bytes of a PNG file.

    Raises:
        DataError: a row that is no mapping, or a column of values without a type in common.
    """
    done: list[Stream] = []
    held: list[pa.Table] = []
    size = count = 0
    for block in _blocks(rows):
        held.append(_columns(block, count, name))
        count += len(block)
        size += held[-1].nbytes
        if size > IN_MEMORY:
            done.append(_put_away(held, name))
            held, size = [], 0
    if not count:
        raise DataError(f"{name} is empty: it has no row.")
    return joined([*done, *map(_stream, held)], name, "rows")


def _put_away(tables: Sequence[pa.Table], name: str) -> Stream:
    table, mapped = kept(joined([_stream(t) for t in tables], name, "rows").reader(), name)

    def batches() -> Iterator[pa.RecordBatch]:
        for batch in table.to_batches():
            yield batch
            if mapped is not None:
                mapped.count(batch.nbytes)

    return Stream(table.schema, batches)


def _stream(table: pa.Table) -> Stream:
    return Stream(table.schema, table.to_batches)


def _blocks(rows: Iterable[Mapping[str, Any]]) -> Iterator[list[Mapping[str, Any]]]:
    rows = iter(rows)
    while block := list(islice(rows, _BLOCK)):
        yield block


def _columns(block: list[Mapping[str, Any]], start: int, name: str) -> pa.Table:
    for place, row in enumerate(block):
        if not isinstance(row, Mapping):
            raise DataError(
                f"{name}, row {start + place + 1}: a row is a dict of cells by column. Received: "
                f"{type(row).__name__}."
            )
    columns = dict.fromkeys(chain.from_iterable(block))
    check_names([str(column) for column in columns], name)
    arrays = {}
    for column in columns:
        cells = [_cell(row.get(column)) for row in block]
        try:
            arrays[str(column)] = pa.array(as_lists(cells))
        except (pa.ArrowException, TypeError, ValueError, OverflowError) as error:
            raise DataError(
                f"{name}, rows {start + 1} to {start + len(block)}: column '{column}' cannot be made "
                f"one type: {error}. Make all its cells text, or all numbers."
            ) from error
    return pa.table(arrays)


def _cell(value: Any) -> Any:
    if type(value).__module__.startswith("PIL."):
        from io import BytesIO

        data = BytesIO()
        value.save(data, "PNG")
        return data.getvalue()
    return value
