"""A source that is read batch by batch, from its beginning as often as need be."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import pyarrow as pa

from plait.errors import DataError
from plait.table._plain import plain_batch, plain_schema


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


def joined(streams: Sequence[Stream], name: str, parts: str = "files") -> Stream:
    """One stream after the other, in types that hold all of them.

    A column that one of them lacks is empty there.

    Args:
        streams: at least one.
        name: what messages call the whole.
        parts: what they call the streams.

    Raises:
        DataError: a column whose types have no type in common.
    """
    if len(streams) == 1:
        return streams[0]
    try:
        plain = [plain_schema(stream.schema) for stream in streams]
        schema = pa.unify_schemas(plain, promote_options="permissive")
    except (pa.ArrowTypeError, pa.ArrowInvalid) as error:
        raise DataError(
            f"The {parts} of {name} do not fit together: {error}. Give a column one type in all of "
            "them."
        ) from error

    def batches() -> Iterator[pa.RecordBatch]:
        for stream in streams:
            for batch in stream.open():
                yield plain_batch(batch, schema)

    return Stream(schema, batches)
