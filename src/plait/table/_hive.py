"""Columns that are in the names of folders, as in `year=2024/shop=north/part.parquet`."""

import re
from collections.abc import Sequence
from itertools import chain
from pathlib import Path, PurePath
from urllib.parse import unquote

import pyarrow as pa

_EMPTY = "__HIVE_DEFAULT_PARTITION__"
# A leading zero makes it a code, as in a CSV file.
_WHOLE = re.compile(r"-?(0|[1-9]\d{0,17})")


def hive_cells(paths: Sequence[Path], folder: Path) -> list[dict[str, pa.Scalar]]:
    """For each file, what the names of its folders say of all its rows.

    Whole numbers are numbers if all files' are; else it is text.

    Args:
        paths: of files below the folder.
        folder: where the names begin to count.
    """
    said = [_said(path.relative_to(folder).parent) for path in paths]
    kinds = {}
    for name in dict.fromkeys(chain.from_iterable(said)):
        texts = [text for cells in said if (text := cells.get(name)) is not None]
        whole = all(_WHOLE.fullmatch(text) for text in texts)
        kinds[name] = pa.int64() if whole and texts else pa.string()
    return [
        {name: pa.scalar(text, pa.string()).cast(kinds[name]) for name, text in cells.items()}
        for cells in said
    ]


def is_hive(part: str) -> bool:
    """Whether a folder's name has a column and its cell in it."""
    return "=" in part.lstrip("=")


def _said(folder: PurePath) -> dict[str, str | None]:
    cells: dict[str, str | None] = {}
    for part in folder.parts:
        if is_hive(part):
            name, _, text = part.partition("=")
            cells[unquote(name)] = None if text == _EMPTY else unquote(text)
    return cells
