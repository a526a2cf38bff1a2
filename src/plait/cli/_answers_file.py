"""Answers as a file, in the format that its name asks for, whole or not at all."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from plait._beside import written_beside
from plait._names import did_you_mean
from plait.errors import ConfigError, DataError

_UNWRITABLE = (pa.ArrowInvalid, pa.ArrowNotImplementedError)


def writer_for(path: Path) -> Callable[[pa.Table, Path], None]:
    """What writes a file of this name.

    Raises:
        ConfigError: the name ends in none of `.parquet`, `.csv` and `.jsonl`.
    """
    if path.suffix not in _WRITERS:
        raise ConfigError(
            f"'{path}' ends in no format that answers are written in."
            f"{did_you_mean(path.suffix, _WRITERS)}"
        )
    return _WRITERS[path.suffix]


def write_answers(answers: pa.Table, path: Path) -> None:
    """Writes a table, renamed into place when it is whole.

    Raises:
        ConfigError: see `writer_for`.
        DataError: a column, such as a key of bytes, that the format cannot hold.
    """
    write = writer_for(path)
    with written_beside(path) as part:
        try:
            write(answers, part)
        except _UNWRITABLE as error:
            raise DataError(
                f"'{path}' cannot hold {_unwritable(answers, write, part)} ({error}). Write a "
                ".parquet file, which holds cells of any type."
            ) from error


def _unwritable(answers: pa.Table, write: Callable[[pa.Table, Path], None], scratch: Path) -> str:
    """The first column that cannot be written by itself: Arrow's own message names none."""
    for field in answers.schema:
        try:
            write(answers.select([field.name]), scratch)
        except _UNWRITABLE:
            return f"the column '{field.name}' of {field.type}"
    return "these columns together"


def _write_parquet(answers: pa.Table, path: Path) -> None:
    pq.write_table(answers, path)


def _write_csv(answers: pa.Table, path: Path) -> None:
    columns = {
        name: _as_csv(column)
        for name, column in zip(answers.column_names, answers.columns, strict=True)
    }
    pa_csv.write_csv(pa.table(columns), path)


def _as_csv(column: pa.ChunkedArray) -> pa.Array | pa.ChunkedArray:
    """CSV has no lists: those become JSON."""
    if not pa.types.is_nested(column.type):
        return column
    return pa.array([None if v is None else json.dumps(v, default=str) for v in column.to_pylist()])


def _write_json_lines(answers: pa.Table, path: Path) -> None:
    with path.open("w", encoding="utf-8") as lines:
        for batch in answers.to_batches(max_chunksize=1000):
            for row in batch.to_pylist():
                lines.write(json.dumps(row, ensure_ascii=False, default=str) + "\n")


_WRITERS: Mapping[str, Callable[[pa.Table, Path], None]] = {
    ".parquet": _write_parquet,
    ".csv": _write_csv,
    ".jsonl": _write_json_lines,
}
