"""A file of JSON lines block by block, with the types that all of its rows have."""

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
from pyarrow import json

from plait.table._stream import Stream, Types, unified

_BLOCK = 1 << 24
_LONGEST = 1 << 30
"""Bytes of a row."""


def stream_json(path: Path) -> Stream:
    """The batches of a file of JSON lines, in types that hold the cells of all its rows.

    Arrow settles the types of a stream by its first block, and has no way to loosen them. So the file
    is read through for the types before it is read to be kept.

    Raises:
        pa.ArrowException: what is no JSON, or a column whose cells have no type in common.
    """
    schemas = [_read(block).schema for block in _blocks(path)]
    if not schemas:
        raise pa.ArrowInvalid("it has no row")

    def typed(types: Types) -> Stream:
        schema = pa.schema(list(types.items()))
        return Stream(schema, lambda: _batches(path, schema), typed)

    return typed({field.name: field.type for field in unified(schemas)})


def _batches(path: Path, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    for block in _blocks(path):
        yield from _read(block, schema).to_batches()


def _blocks(path: Path) -> Iterator[bytes]:
    """The file in parts of whole lines."""
    with pa.input_stream(str(path)) as stream:
        begun: list[bytes] = []
        while data := stream.read(_BLOCK):
            lines, newline, rest = data.rpartition(b"\n")
            if newline:
                if (block := b"".join([*begun, lines])).strip():
                    yield block
                begun = []
            begun.append(rest)
            if sum(map(len, begun)) > _LONGEST:
                raise pa.ArrowInvalid(f"a row has more than {_LONGEST:,} bytes")
        if (block := b"".join(begun)).strip():
            yield block


def _read(block: bytes, schema: pa.Schema | None = None) -> pa.Table:
    return json.read_json(
        pa.BufferReader(block),
        read_options=json.ReadOptions(block_size=len(block) + 1),
        parse_options=json.ParseOptions(explicit_schema=schema),
    )
