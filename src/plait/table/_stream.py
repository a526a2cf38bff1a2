"""A source that is read batch by batch, from its beginning as often as need be."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa

from plait.errors import DataError
from plait.table._plain import check_names, plain_batch, plain_schema

Types = Mapping[str, pa.DataType]


@dataclass(frozen=True)
class Stream:
    """Batches of one schema.

    Attributes:
        schema: of every batch.
        open: from the first batch on.
        typed: the same source with its cells, which are written as text, read in other types; None
            where the source says itself of what types they are.
    """

    schema: pa.Schema
    open: Callable[[], Iterable[pa.RecordBatch]]
    typed: "Callable[[Types], Stream] | None" = None

    def reader(self) -> pa.RecordBatchReader:
        """The batches as Arrow reads them."""
        return pa.RecordBatchReader.from_batches(self.schema, self.open())


def with_cells(stream: Stream, cells: Mapping[str, pa.Scalar]) -> Stream:
    """The stream with more columns, of which each says the same in every row.

    A column that the stream has already is left as it is.
    """
    cells = {name: cell for name, cell in cells.items() if name not in stream.schema.names}
    if not cells:
        return stream
    schema = pa.schema([*stream.schema, *((name, cell.type) for name, cell in cells.items())])

    def batches() -> Iterator[pa.RecordBatch]:
        for batch in stream.open():
            same = [pa.repeat(cell, batch.num_rows) for cell in cells.values()]
            yield pa.RecordBatch.from_arrays([*batch.columns, *same], schema=schema)

    def typed(types: Types) -> Stream:
        assert stream.typed is not None
        own = {name: kind for name, kind in types.items() if name not in cells}
        return with_cells(stream.typed(own), cells)

    return Stream(schema, batches, None if stream.typed is None else typed)


def joined(streams: Sequence[Stream], name: str, parts: str = "files") -> Stream:
    """One stream after the other, in types that hold all of them.

    A column that one of them lacks is empty there. Where files of text disagree about a column, it is
    text in all of them, as it would be if they were one file.

    Args:
        streams: at least one.
        name: what messages call the whole.
        parts: what they call the streams.

    Raises:
        DataError: a column whose types have no type in common, or whose name stands twice; while the
            batches are read, a cell that the common type does not hold.
    """
    for stream in streams:
        check_names(stream.schema.names, name)
    if len(streams) == 1:
        return streams[0]
    try:
        own = {name for s in streams if s.typed is None for name in s.schema.names}
        schema = unified([stream.schema for stream in streams], own)
    except (pa.ArrowTypeError, pa.ArrowInvalid) as error:
        raise _misfit(error, name, parts) from error
    types = {field.name: field.type for field in schema}
    streams = [
        stream.typed({n: types[n] for n in stream.schema.names}) if stream.typed else stream
        for stream in streams
    ]

    def batches() -> Iterator[pa.RecordBatch]:
        for stream in streams:
            for batch in stream.open():
                try:
                    cells = plain_batch(batch, schema)
                except pa.ArrowInvalid as error:
                    raise _misfit(error, name, parts) from error
                yield cells

    return Stream(schema, batches)


def _misfit(error: pa.ArrowException, name: str, parts: str) -> DataError:
    return DataError(
        f"The {parts} of {name} do not fit together: {error}. Give a column one type in all of them."
    )


def unified(schemas: Sequence[pa.Schema], own: Collection[str] = ()) -> pa.Schema:
    """Plain types that hold the cells of all schemas; text where there is nothing else in common.

    Args:
        schemas: at least one.
        own: columns that do not become text, since their sources say themselves of what types they are.

    Raises:
        pa.ArrowTypeError, pa.ArrowInvalid: such a column, whose types have none in common.
    """
    # Each type once, in order: a large file has thousands of blocks.
    kinds: dict[str, dict[pa.DataType, None]] = {}
    for schema in map(plain_schema, schemas):
        for field in schema:
            kinds.setdefault(field.name, {})[field.type] = None
    return pa.schema([(name, _common(name, [*kinds[name]], name not in own)) for name in kinds])


def _common(name: str, kinds: Sequence[pa.DataType], or_text: bool) -> pa.DataType:
    """The type that holds the cells of all; within lists and structs, too, what has none is text."""
    alone = [pa.schema([(name, kind)]) for kind in kinds]
    try:
        return pa.unify_schemas(alone, promote_options="permissive").field(0).type
    except (pa.ArrowTypeError, pa.ArrowInvalid):
        if not or_text:
            raise
    kinds = [kind for kind in kinds if not pa.types.is_null(kind)]
    if all(map(pa.types.is_list, kinds)):
        return pa.list_(_common(name, [kind.value_type for kind in kinds], or_text))
    if all(map(pa.types.is_struct, kinds)):
        return pa.struct(list(unified([pa.schema(list(kind)) for kind in kinds])))
    return pa.string()
