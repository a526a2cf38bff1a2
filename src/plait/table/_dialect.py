"""What a CSV file is written in: its separator, and what no reader of UTF-8 can take."""

import re
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from plait.errors import DataError

_SEPARATORS = (",", ";", "\t", "|")
_START = 1 << 16
"""Bytes in which the first two lines are looked for."""
_DECIMAL = r"^\s*[-+]?\d+(,\d+)?\s*$"
_THOUSANDS = r"^\s*[-+]?\d{1,3}(,\d{3})?\s*$"


def separator(path: Path) -> str:
    """What stands between the cells: a comma, unless the first two lines agree on another sign.

    Raises:
        DataError: a file in UTF-16, or with a comment above its header.
    """
    with pa.input_stream(str(path)) as stream:
        start = stream.read(_START)
    if start.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise DataError(
            f"The table '{path.name}' is written in UTF-16. Save it as UTF-8: in a spreadsheet, "
            "choose 'CSV UTF-8' as the format."
        )
    lines = start.decode("utf-8", "replace").removeprefix("\ufeff").splitlines()[:2]
    counts = [_counts(line) for line in lines] or [dict.fromkeys(_SEPARATORS, 0)]
    header, below = counts[0], counts[-1]
    if lines and lines[0].startswith("#") and sum(header.values()) < max(below.values()):
        raise DataError(
            f"The table '{path.name}' starts with the line {lines[0][:60]!r}, which is no header. "
            "Remove the lines above the columns' names."
        )
    best = max(_SEPARATORS, key=header.__getitem__)
    return best if header[best] and header[best] == below[best] else ","


def with_decimal_commas(table: pa.Table) -> pa.Table:
    """Columns of numbers such as 1,5 as numbers.

    A column where each comma is followed by three digits stays text: 1,500 may be either number.
    """
    for place, field in enumerate(table.schema):
        if not pa.types.is_string(field.type):
            continue
        texts = table.column(place)
        # Digits without a comma are codes with leading zeros.
        commas = _all(texts, _DECIMAL) and pc.any(pc.match_substring(texts, ",")).as_py()
        if commas and not _all(texts, _THOUSANDS):
            points = pc.replace_substring(pc.utf8_trim_whitespace(table.column(place)), ",", ".")
            table = table.set_column(place, field.name, points.cast(pa.float64()))
    return table


def _all(texts: pa.ChunkedArray, form: str) -> bool:
    """Whether all that are there have a form; of most columns the first chunk tells."""
    matches = (pc.all(pc.match_substring_regex(chunk, form)).as_py() for chunk in texts.chunks)
    # None is said of a chunk that is empty.
    return all(match is not False for match in matches)


def _counts(line: str) -> dict[str, int]:
    """How often each separator stands outside quotes."""
    bare = re.sub(r'"[^"]*"', "", line)
    return {sign: bare.count(sign) for sign in _SEPARATORS}
