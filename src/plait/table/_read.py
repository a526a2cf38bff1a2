"""From files to Arrow columns, with errors that say which file and where."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import pyarrow as pa
from pyarrow import feather, json, parquet

from plait.errors import DataError
from plait.table._csv import DEFAULT_BLOCK, read_csv
from plait.table._dialect import separator, with_decimal_commas
from plait.table._files import is_compressed, kind_of
from plait.table._hive import hive_cells
from plait.table._kept import IN_MEMORY, kept
from plait.table._mapped import Mapped
from plait.table._stream import Stream, Types, joined, with_cells
from plait.table._stream_csv import stream_csv
from plait.table._stream_json import stream_json

_BLOCKS = (DEFAULT_BLOCK, 1 << 25, 1 << 30)
"""Bytes read at a time: more where a row is longer."""
_BATCH, _BYTES = 1 << 14, 1 << 24
"""Rows and bytes of a batch, at most."""
_BUFFER = 1 << 20
_UNPACKED = 4
"""How many times its size a compressed file is taken to have."""

Read = TypeVar("Read")


def read_files(paths: Sequence[Path], name: str, folder: Path) -> tuple[pa.Table, Mapped | None]:
    """The columns of a table's files, one after the other; on disk and mapped if they are large.

    Args:
        paths: of files that are there.
        name: what messages call the table.
        folder: that all of them are below; the names of folders within it may hold columns.

    Raises:
        DataError: a kind that is not known, contents that cannot be read, or files that do not fit
            together.
    """
    for path in paths:
        _guarded(path, _check_not_empty)
    beside = hive_cells(paths, folder)
    if len(paths) == 1 and not beside[0] and _is_small_text(paths[0]):
        return _guarded(paths[0], _whole), None
    streams = [_watched(path, _guarded(path, _stream)) for path in paths]
    whole = joined([with_cells(s, cells) for s, cells in zip(streams, beside, strict=True)], name)
    table, mapped = kept(whole.reader(), name)
    if all(kind_of(path) == "CSV" and separator(path) == ";" for path in paths):
        table = with_decimal_commas(table)
    if mapped is not None:
        mapped.release()
    return table, mapped


def _whole(path: Path, kind: str) -> pa.Table:
    if kind in ("CSV", "TSV"):
        found = separator(path)
        delimiter = "\t" if kind == "TSV" else found
        table = _in_blocks(lambda size: read_csv(path, delimiter, size))
        # Where a comma parts the cells it is in no number.
        return with_decimal_commas(table) if delimiter == ";" else table
    return _in_blocks(lambda size: _read_json(path, size))


def _stream(path: Path, kind: str) -> Stream:
    """The file batch by batch."""
    if kind in ("CSV", "TSV"):
        found = separator(path)
        delimiter = "\t" if kind == "TSV" else found
        return _in_blocks(lambda size: stream_csv(path, delimiter, size))
    if kind == "JSON lines":
        return stream_json(path)
    if kind == "Parquet":
        return Stream(parquet.read_schema(path).remove_metadata(), lambda: _parquet_batches(path))
    try:
        with pa.OSFile(str(path)) as file:
            return Stream(_ipc_reader(file).schema, lambda: _arrow_batches(path))
    except pa.ArrowInvalid:
        # Feather's first version.
        table = feather.read_table(path, memory_map=False)
        return Stream(table.schema, table.to_batches)


def _parquet_batches(path: Path) -> Iterator[pa.RecordBatch]:
    # As a stream and group by group: by itself Arrow keeps all that it has read of a file, and of a
    # group, until the last batch.
    with parquet.ParquetFile(path, buffer_size=_BUFFER, pre_buffer=False) as file:
        for number in range(file.num_row_groups):
            group = file.metadata.row_group(number)
            each = max(1, group.total_byte_size // max(1, group.num_rows))
            rows = max(1, min(_BATCH, _BYTES // each))
            yield from file.iter_batches(batch_size=rows, row_groups=[number])


def _arrow_batches(path: Path) -> Iterator[pa.RecordBatch]:
    with pa.OSFile(str(path)) as file:
        reader = _ipc_reader(file)
        if isinstance(reader, pa.RecordBatchReader):
            yield from reader
        else:
            yield from map(reader.get_batch, range(reader.num_record_batches))


def _ipc_reader(file: pa.NativeFile) -> Any:
    """Of a file of Arrow's, in the format of files or in that of streams."""
    try:
        return pa.ipc.open_file(file)
    except pa.ArrowInvalid:
        file.seek(0)
        return pa.ipc.open_stream(file)


def _is_small_text(path: Path) -> bool:
    """Whether its columns may be read whole. What others take is not known before they are read."""
    size = path.stat().st_size * (_UNPACKED if is_compressed(path) else 1)
    return kind_of(path) in ("CSV", "TSV", "JSON lines") and size <= IN_MEMORY


def _watched(path: Path, stream: Stream) -> Stream:
    """The same stream, whose errors name the file."""

    def batches() -> Iterator[pa.RecordBatch]:
        incoming = iter(_guarded(path, lambda *_: stream.open()))
        while (batch := _guarded(path, lambda *_: next(incoming, None))) is not None:
            yield batch

    def typed(types: Types) -> Stream:
        assert stream.typed is not None
        return _watched(path, stream.typed(types))

    return Stream(stream.schema, batches, None if stream.typed is None else typed)


def _check_not_empty(path: Path, kind: str) -> None:
    if path.stat().st_size == 0:
        raise DataError(f"The table '{path.name}' is an empty file.")


def _guarded(path: Path, read: Callable[[Path, str], Read]) -> Read:
    kind = kind_of(path)
    try:
        return read(path, kind)
    except (pa.ArrowException, OSError, EOFError) as error:
        raise DataError(f"The table '{path.name}' cannot be read as {kind}: {error}") from error


def _in_blocks(read: Callable[[int], Read]) -> Read:
    """What `read` makes of the smallest blocks that hold every row."""
    for size in _BLOCKS[:-1]:
        try:
            return read(size)
        except pa.ArrowInvalid as error:
            if "block" not in str(error):
                raise
    return read(_BLOCKS[-1])


def _read_json(path: Path, block_size: int) -> pa.Table:
    with pa.input_stream(str(path)) as stream:
        return json.read_json(stream, read_options=json.ReadOptions(block_size=block_size))
