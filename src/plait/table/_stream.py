"""A source that is read batch by batch, from its beginning as often as need be."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import pyarrow as pa

from plait.errors import DataError


@dataclass(frozen=True)
class Stream:
    """Batches of one schema.

    Attributes:
        schema: of every batch.
        open: from the first batch on.
    """

    schema: pa.Schema
    open: Callable[[], Iterable[pa.RecordBatch]]

    def reader(self) -> pa.RecordBatchReader:
        """The batches as Arrow reads them."""
        return pa.RecordBatchReader.from_batches(self.schema, self.open())


def joined(streams: Sequence[Stream], name: str) -> Stream:
    """One stream after the other, in types that hold all of them.

    A column that one of them lacks is empty there.

    Raises:
        DataError: a column whose types have no type in common.
    """
    if len(streams) == 1:
        return streams[0]
    try:
        schema = pa.unify_schemas([s.schema for s in streams], promote_options="permissive")
    except (pa.ArrowTypeError, pa.ArrowInvalid) as error:
        raise DataError(
            f"The files of {name} do not fit together: {error}. Give a column one type in all of "
            "them."
        ) from error

    def batches() -> Iterator[pa.RecordBatch]:
        for stream in streams:
            for batch in stream.open():
                yield _widened(batch, schema)

    return Stream(schema, batches)


def _widened(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    names = batch.schema.names
    columns = [
        batch.column(field.name).cast(field.type)
        if field.name in names
        else pa.nulls(batch.num_rows, field.type)
        for field in schema
    ]
    return pa.RecordBatch.from_arrays(columns, schema=schema)
