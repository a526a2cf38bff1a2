"""From a file or a frame to Arrow columns, with errors that say which file and where."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow import csv, feather, json, parquet

from plait._names import did_you_mean
from plait.errors import DataError

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
            return _read_csv(path, "\t" if kind == "TSV" else ",")
        if kind == "JSON lines":
            with pa.input_stream(str(path)) as stream:
                return json.read_json(stream)
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
    try:
        if type(source).__module__.partition(".")[0] == "pandas":
            return pa.Table.from_pandas(source, preserve_index=False)
        if isinstance(source, Mapping):
            return pa.table(dict(source))
        if hasattr(source, "__arrow_c_stream__"):
            return pa.table(source)
    except (pa.ArrowException, ValueError, TypeError) as error:
        raise DataError(f"These data cannot be read as a table: {error}") from error
    raise DataError(
        "A table is a path, a pyarrow table, a pandas or polars frame, or a dict of lists. "
        f"Received: {type(source).__name__}"
    )


def _read_csv(path: Path, delimiter: str) -> pa.Table:
    # Only an empty cell is missing: whether "NA" is a gap or the code of Namibia is the user's call.
    convert = csv.ConvertOptions(
        null_values=[""], strings_can_be_null=True, quoted_strings_can_be_null=True
    )
    parse = csv.ParseOptions(delimiter=delimiter, newlines_in_values=True)
    with pa.input_stream(str(path)) as stream:
        table = csv.read_csv(stream, parse_options=parse, convert_options=convert)
    for field in table.schema:
        if pa.types.is_binary(field.type):
            raise DataError(
                f"The table '{path.name}' is not UTF-8 text: column '{field.name}', row "
                f"{_first_undecodable(table.column(field.name))}. Save it as UTF-8."
            )
    return table


def _first_undecodable(values: pa.ChunkedArray) -> int:
    """The row, counted from 1, of the first cell that is not UTF-8."""
    for row, cell in enumerate(values.to_pylist(), start=1):
        try:
            (cell or b"").decode()
        except UnicodeDecodeError:
            return row
    return 1
