"""CSV to Arrow columns: what is missing, what is no text, and which digits are no number."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from plait.errors import DataError

DEFAULT_BLOCK = 1 << 20
"""Bytes that Arrow reads at a time unless told otherwise."""
CODE = r"^\s*-?0\d+\s*$"
"""Digits that are no number. The ends of a word are no reason to keep " 01" one."""


def read_csv(path: Path, delimiter: str, block_size: int) -> pa.Table:
    """The columns of a CSV file.

    Whole numbers stay text in a column where one has a leading zero: 01 is a code, and would come
    back as 1.

    Args:
        path: the file; compressed if its ending says so.
        delimiter: what stands between the cells.
        block_size: bytes read at a time; no row may be longer.

    Raises:
        DataError: a header or a cell that is not UTF-8, or a quote that never ends.
    """
    if block_size > DEFAULT_BLOCK:
        check_quotes(path)
    table = _read(path, delimiter, block_size)
    check_text(table, path)
    whole = [field.name for field in table.schema if pa.types.is_integer(field.type)]
    if not whole or len(set(table.column_names)) < len(table.column_names):
        return table
    written = _read(
        path,
        delimiter,
        block_size,
        include_columns=whole,
        column_types=dict.fromkeys(whole, pa.string()),
    )
    for name in whole:
        digits = written.column(name)
        if pc.any(pc.match_substring_regex(digits, CODE)).as_py():
            table = table.set_column(table.column_names.index(name), name, digits)
    return table


def _read(path: Path, delimiter: str, block_size: int, **convert: Any) -> pa.Table:
    with pa.input_stream(str(path)) as stream:
        return csv.read_csv(stream, **options(delimiter, block_size, **convert))


def options(delimiter: str, block_size: int, **convert: Any) -> dict[str, Any]:
    """How Arrow is to read a CSV file; `convert` goes into its ConvertOptions."""
    # Only an empty cell is missing: whether "NA" is a gap or the code of Namibia is the user's call.
    missing = {"null_values": [""], "strings_can_be_null": True, "quoted_strings_can_be_null": True}
    return {
        "read_options": csv.ReadOptions(block_size=block_size),
        "parse_options": csv.ParseOptions(delimiter=delimiter, newlines_in_values=True),
        "convert_options": csv.ConvertOptions(**missing, **convert),
    }


def check_quotes(path: Path) -> None:
    """Refuses a file with a quote that never ends: Arrow would make one cell of all that follows."""
    quotes = 0
    with pa.input_stream(str(path)) as stream:
        while data := stream.read(DEFAULT_BLOCK):
            quotes += data.count(b'"')
    if quotes % 2:
        raise DataError(
            f"The table '{path.name}' has a row longer than {DEFAULT_BLOCK} bytes and an odd number "
            'of quotes ("): one that opens a cell never ends. Close it, or write "" for a quote '
            "inside a quoted cell."
        )


def check_text(table: pa.Table, path: Path, before: int = 0) -> None:
    """Refuses columns whose cells, or names, are not UTF-8.

    Args:
        table: some rows.
        path: the file.
        before: rows of it that come before these.

    Raises:
        DataError: names the row.
    """
    not_text = f"The table '{path.name}' is not UTF-8 text"
    try:
        fields = list(table.schema)
        _ = table.column_names
    except UnicodeDecodeError as error:
        raise DataError(
            f"{not_text}: its header has the column {error.object!r}. Save it as UTF-8."
        ) from error
    for field in fields:
        if pa.types.is_binary(field.type):
            raise DataError(
                f"{not_text}: column '{field.name}', row "
                f"{before + _first_undecodable(table.column(field.name))}. Save it as UTF-8."
            )


def _first_undecodable(values: pa.ChunkedArray) -> int:
    """The row, counted from 1, of the first cell that is not UTF-8."""
    for row, cell in enumerate(values.to_pylist(), start=1):
        try:
            (cell or b"").decode()
        except UnicodeDecodeError:
            return row
    return 1
