"""Where the columns of a table are kept: in memory, or in a mapped file if they are large."""

import tempfile
from collections.abc import Iterable, Iterator
from itertools import chain

import pyarrow as pa

from plait._beside import is_full
from plait._cache import FOLDER
from plait.errors import DataError
from plait.table._disk_folder import disk_folder
from plait.table._mapped import Mapped, write_arrow
from plait.table._plain import check_names, plain_batch, plain_schema

IN_MEMORY = 1 << 27
"""Bytes of columns that are kept in memory; more are written to disk and mapped."""
_ROWS, _BYTES = 1 << 14, 1 << 24
"""Of a batch."""


def kept(batches: pa.RecordBatchReader, name: str) -> tuple[pa.Table, Mapped | None]:
    """All batches as one table, and the file that it lies in if it is large.

    Args:
        batches: of one schema.
        name: what messages call the table.

    Raises:
        DataError: a column's name stands twice, or the disk is full.
    """
    check_names(batches.schema.names, name)
    schema = plain_schema(batches.schema)
    incoming = _evened(plain_batch(batch, schema) for batch in batches)
    held: list[pa.RecordBatch] = []
    size = 0
    for batch in incoming:
        held.append(batch)
        size += batch.nbytes
        if size > IN_MEMORY:
            mapped = _on_disk(schema, chain(_given_up(held), incoming), name)
            return mapped.table, mapped
    # Rows are taken faster out of one chunk.
    return pa.Table.from_batches(held, schema).combine_chunks(), None


def _evened(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Small batches together and large ones cut: of some megabytes each, or of so many rows."""
    held: list[pa.RecordBatch] = []
    rows = size = 0
    for batch in batches:
        each = max(1, batch.nbytes // max(1, batch.num_rows))
        most = max(1, min(_ROWS, _BYTES // each))
        for start in range(0, batch.num_rows, most):
            part = batch.slice(start, most)
            if held and (rows + part.num_rows > _ROWS or size + part.nbytes > _BYTES):
                yield _one(held)
                held, rows, size = [], 0, 0
            held.append(part)
            rows += part.num_rows
            size += part.nbytes
    if held:
        yield _one(held)


def _one(batches: list[pa.RecordBatch]) -> pa.RecordBatch:
    if len(batches) == 1:
        return batches[0]
    return pa.Table.from_batches(batches).combine_chunks().to_batches()[0]


def _given_up(held: list[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Each batch in turn, which nothing else holds from then on."""
    held.reverse()
    while held:
        yield held.pop()


def _on_disk(schema: pa.Schema, batches: Iterable[pa.RecordBatch], name: str) -> Mapped:
    folder = disk_folder()
    try:
        # It has no name from the beginning on, so that a process that is killed leaves nothing of it.
        with tempfile.TemporaryFile(dir=folder) as file:
            write_arrow(pa.RecordBatchReader.from_batches(schema, batches), file)
            return Mapped(file)
    except OSError as error:
        if is_full(error):
            raise DataError(
                f"{name} does not fit into memory, and the disk under '{folder}' is full. Make room "
                f"there, or name another folder by {FOLDER}."
            ) from error
        raise
