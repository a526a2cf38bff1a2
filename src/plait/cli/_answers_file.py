"""Answers as a file, in the format that its name asks for, whole or not at all."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from plait._beside import written_beside
from plait._names import did_you_mean
from plait.errors import ConfigError, DataError

_UNWRITABLE = (pa.ArrowInvalid, pa.ArrowNotImplementedError)


Answers = Iterable[pa.Table]
"""Some rows at a time, all of one schema."""


def writer_for(path: Path) -> Callable[[Answers, Path], None]:
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


def write_answers(answers: Answers, path: Path) -> None:
    """Writes tables one below the other, renamed into place when the file is whole.

    Args:
        answers: at least one.
        path: of the file.

    Raises:
        ConfigError: see `writer_for`.
        DataError: a column, such as a key of bytes, that the format cannot hold.
    """
    write = writer_for(path)
    last: list[pa.Table] = []

    def watched() -> Iterator[pa.Table]:
        for some in answers:
            last[:] = [some]
            yield some

    with written_beside(path) as part:
        try:
            write(watched(), part)
        except _UNWRITABLE as error:
            if not last:
                raise
            raise DataError(
                f"'{path}' cannot hold {_unwritable(last[0], write, part)}. Write a .parquet "
                "file, which holds cells of any type."
            ) from error


def _unwritable(some: pa.Table, write: Callable[[Answers, Path], None], scratch: Path) -> str:
    """The first column that cannot be written by itself: Arrow's own message names none."""
    for field in some.schema:
        try:
            write([some.select([field.name])], scratch)
        except _UNWRITABLE:
            return f"the column '{field.name}' of {field.type}"
    return "these columns together"


def _write_parquet(answers: Answers, path: Path) -> None:
    first, answers = _opened(answers)
    with pq.ParquetWriter(path, first.schema) as file:
        for some in answers:
            file.write_table(some)


def _write_csv(answers: Answers, path: Path) -> None:
    first, answers = _opened(map(_as_csv, answers))
    with pa_csv.CSVWriter(path, first.schema) as file:
        for some in answers:
            file.write_table(some)


def _as_csv(answers: pa.Table) -> pa.Table:
    """CSV has no lists: those become JSON."""
    named = zip(answers.column_names, answers.columns, strict=True)
    return pa.table({n: _as_json(c) if pa.types.is_nested(c.type) else c for n, c in named})


def _as_json(column: pa.ChunkedArray) -> pa.Array:
    cells = [None if v is None else json.dumps(v, default=_as_text) for v in column.to_pylist()]
    return pa.array(cells, pa.string())


def _write_json_lines(answers: Answers, path: Path) -> None:
    with path.open("w", encoding="utf-8") as lines:
        for some in answers:
            for row in some.to_pylist():
                lines.write(json.dumps(row, ensure_ascii=False, default=_as_text) + "\n")


def _as_text(cell: Any) -> str:
    """What JSON has no form for."""
    if not isinstance(cell, bytes):
        return str(cell)
    try:
        return cell.decode()
    except UnicodeDecodeError as error:
        raise pa.ArrowInvalid("bytes that are no text") from error


def _opened(answers: Answers) -> tuple[pa.Table, Answers]:
    """The first, to see its form, and all of them."""
    incoming = iter(answers)
    first = next(incoming)
    return first, chain([first], incoming)


_WRITERS: Mapping[str, Callable[[Answers, Path], None]] = {
    ".parquet": _write_parquet,
    ".csv": _write_csv,
    ".jsonl": _write_json_lines,
}
