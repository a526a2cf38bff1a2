"""A CSV file batch by batch, with the types that all of its rows have."""

import io
import re
from itertools import pairwise
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from plait.table._csv import CODE, DEFAULT_BLOCK, check_quotes, check_text, options
from plait.table._plain import check_names
from plait.table._stream import Stream, Types

_LADDER = (
    pa.null(),
    pa.int64(),
    pa.bool_(),
    pa.date32(),
    pa.time32("s"),
    pa.timestamp("s"),
    pa.timestamp("ns"),
    pa.timestamp("s", "UTC"),
    pa.timestamp("ns", "UTC"),
    pa.float64(),
    pa.string(),
    pa.binary(),
)
"""Arrow's own order: a cell that is none of a type makes its column one of the next."""
_NEXT = dict(pairwise(_LADDER))
_WRONG = re.compile(r"In CSV column #(\d+): .*?(?:invalid value '(.*)')?$", re.DOTALL)


def stream_csv(path: Path, delimiter: str, block_size: int) -> Stream:
    """The batches of a CSV file, with the types that `read_csv` gives its columns.

    Arrow settles the types of a stream by its first block, and stops at the first cell that is of
    another type. So the file is read through for the types before it is read to be kept.

    Args:
        path: see `read_csv`.
        delimiter: see `read_csv`.
        block_size: see `read_csv`.

    Raises:
        DataError: a header or a cell that is not UTF-8.
    """
    if block_size > DEFAULT_BLOCK:
        check_quotes(path)
    types = _types(path, delimiter, block_size)
    whole = [name for name, kind in types.items() if pa.types.is_integer(kind)]
    if whole:
        written = dict.fromkeys(whole, pa.string())
        for batch in _open(path, delimiter, block_size, written, include_columns=whole):
            for name in [n for n in whole if types[n] != pa.string()]:
                if pc.any(pc.match_substring_regex(batch.column(name), CODE)).as_py():
                    types[name] = pa.string()

    def typed(types: Types) -> Stream:
        schema = pa.schema(list(types.items()))
        return Stream(schema, lambda: _open(path, delimiter, block_size, types), typed)

    return typed(types)


def _types(path: Path, delimiter: str, block_size: int) -> dict[str, pa.DataType]:
    first = _open(path, delimiter, block_size, {}).schema
    check_text(first.empty_table(), path)
    check_names(first.names, path.name)
    types = {field.name: field.type for field in first}
    while True:
        try:
            rows = 0
            for batch in _open(path, delimiter, block_size, types):
                check_text(pa.Table.from_batches([batch]), path, rows)
                rows += batch.num_rows
            return types
        except pa.ArrowInvalid as error:
            # It names one column and one cell of it.
            wrong = _WRONG.search(str(error))
            name = first.field(int(wrong[1])).name if wrong else None
            if wrong is None or name is None or types[name] not in _NEXT:
                raise
            types[name] = _loosened(types[name], wrong[2])


def _loosened(kind: pa.DataType, cell: str | None) -> pa.DataType:
    """The next type that takes a cell which this one did not; other cells may ask for a later one."""
    kind = _NEXT[kind]
    while cell and kind in _NEXT and kind != pa.string() and not _takes(kind, cell):
        kind = _NEXT[kind]
    return kind


def _takes(kind: pa.DataType, cell: str) -> bool:
    data = io.BytesIO(b'c\n"' + cell.replace('"', '""').encode() + b'"\n')
    try:
        csv.read_csv(data, convert_options=csv.ConvertOptions(column_types={"c": kind}))
    except pa.ArrowInvalid:
        return False
    return True


def _open(
    path: Path,
    delimiter: str,
    block_size: int,
    types: Types,
    **convert: Any,
) -> pa.RecordBatchReader:
    stream = pa.input_stream(str(path))
    return csv.open_csv(stream, **options(delimiter, block_size, column_types=types, **convert))
