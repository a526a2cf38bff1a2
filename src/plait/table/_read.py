"""From a file or a frame to Arrow columns, with errors that say which file and where."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow import feather, json, parquet

from plait._names import did_you_mean
from plait.errors import DataError
from plait.table._csv import DEFAULT_BLOCK, read_csv
from plait.table._dialect import separator, with_decimal_commas

KINDS = {
    ".csv": "CSV",
    ".tsv": "TSV",
    ".parquet": "Parquet",
    ".pq": "Parquet",
    ".jsonl": "JSON lines",
    ".ndjson": "JSON lines",
    ".arrow": "Arrow",
    ".feather": "Arrow",
    ".ipc": "Arrow",
}
_COMPRESSED = (".gz", ".bz2", ".zst", ".lz4")
_BLOCKS = (DEFAULT_BLOCK, 1 << 25, 1 << 30)
"""Bytes read at a time: more where a row is longer."""


def read_file(path: Path) -> pa.Table:
    """The columns of a table file.

    Raises:
        DataError: no such file, a kind that is not known, or contents that cannot be read.
    """
    if not path.is_file():
        siblings = [p.name for p in path.parent.glob("*")] if path.parent.is_dir() else []
        what = "is a folder, not a file" if path.is_dir() else "does not exist"
        raise DataError(f"The table '{path}' {what}.{did_you_mean(path.name, siblings[:500])}")
    suffixes = [s.lower() for s in path.suffixes]
    compressed = bool(suffixes) and suffixes[-1] in _COMPRESSED
    suffix = suffixes[-2] if compressed and len(suffixes) > 1 else (suffixes or [""])[-1]
    kind = KINDS.get(suffix)
    if kind is None:
        raise DataError(
            f"The table '{path.name}' is of no known kind. Known endings: {', '.join(KINDS)}, and "
            "CSV or JSON lines compressed (.gz, .bz2, .zst)."
        )
    if path.stat().st_size == 0:
        raise DataError(f"The table '{path.name}' is an empty file.")
    try:
        if kind in ("CSV", "TSV"):
            found = separator(path)
            delimiter = "\t" if kind == "TSV" else found
            table = _in_blocks(lambda size: read_csv(path, delimiter, size))
            # Where a comma parts the cells it is in no number.
            return with_decimal_commas(table) if delimiter == ";" else table
        if kind == "JSON lines":
            return _in_blocks(lambda size: _read_json(path, size))
        if kind == "Parquet":
            return parquet.read_table(path)
        return feather.read_table(path, memory_map=False)
    except (pa.ArrowException, OSError, EOFError) as error:
        raise DataError(f"The table '{path.name}' cannot be read as {kind}: {error}") from error


def from_frame(source: Any) -> pa.Table:
    """The columns of a frame that speaks Arrow (pandas, polars, pyarrow) or a mapping of lists.

    Raises:
        DataError: a source of another kind, or columns of different lengths.
    """
    if isinstance(source, pa.Table):
        return source
    if isinstance(source, pa.RecordBatch):
        return pa.Table.from_batches([source])
    if isinstance(source, pa.RecordBatchReader):
        return source.read_all()
    if hasattr(source, "to_frame"):
        raise DataError(
            f"A {type(source).__name__} is one column, and no table. Write table[['name']], with two "
            "brackets, or .to_frame()."
        )
    try:
        if type(source).__module__.partition(".")[0] == "pandas":
            return pa.Table.from_pandas(source, preserve_index=False)
        if isinstance(source, Mapping):
            return pa.table(dict(source))
        if hasattr(source, "__arrow_c_stream__"):
            return pa.table(source)
    except (pa.ArrowException, ValueError, TypeError) as error:
        said = "; ".join(map(str, error.args))
        mixed = "onver" in said and "type" in said
        way_out = " Make all cells of a column of one type, as by .astype(str)." if mixed else ""
        raise DataError(f"These data cannot be read as a table: {said}.{way_out}") from error
    raise DataError(
        "A table is a path, a pyarrow table, a pandas or polars frame, or a dict of lists. "
        f"Received: {type(source).__name__}"
    )


def _in_blocks(read: Callable[[int], pa.Table]) -> pa.Table:
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
