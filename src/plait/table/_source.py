"""From what a user calls a table to columns, in memory or on disk."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from glob import has_magic
from pathlib import Path
from typing import Any

import pyarrow as pa

from plait.errors import DataError
from plait.table._files import files_of
from plait.table._frame import from_frame
from plait.table._hugging_face import is_data_set, stream_of_data_set
from plait.table._kept import kept
from plait.table._mapped import Mapped
from plait.table._read import read_files
from plait.table._remote import fetched, file_name, folder_of, is_address
from plait.table._rows import stream_of_rows
from plait.table._sql import SQL

_NAMELESS = "the table"


@dataclass(frozen=True)
class Found:
    """The columns of a source, and what is known of it; see `Table`."""

    arrow: pa.Table
    mapped: Mapped | None
    name: str
    root: Path | str | None = None


def read_source(source: Any, name: str | None) -> Found:
    """Reads one; see `Table.read`.

    Raises:
        DataError: it cannot be read.
    """
    if is_address(source):
        with fetched(source) as (paths, folder):
            name = name or file_name(source)
            return Found(*read_files(paths, name, folder), name, folder_of(source))
    if isinstance(source, str | Path):
        path = _path(source)
        name = name or path.name
        folder = _folder(path)
        return Found(*read_files(files_of(path), name, folder), name, folder)
    if isinstance(source, SQL):
        name = name or source.name
        with source.rows() as rows:
            return Found(*kept(rows, name), name)
    name = name or _NAMELESS
    if is_data_set(source):
        return Found(*kept(stream_of_data_set(source, name).reader(), name), name)
    if isinstance(source, pa.RecordBatchReader):
        return Found(*kept(source, name), name)
    if _is_rows(source):
        return Found(*kept(stream_of_rows(source, name).reader(), name), name)
    return Found(from_frame(source), None, name)


def _is_rows(source: Any) -> bool:
    """Whether it is an iterator, or a list whose first item is a row."""
    if isinstance(source, Mapping | str | bytes) or not isinstance(source, Iterable):
        return False
    if hasattr(source, "__arrow_c_stream__") or hasattr(source, "to_frame"):
        return False
    if isinstance(source, list | tuple):
        return bool(source) and isinstance(source[0], Mapping)
    return hasattr(source, "__next__") or type(source).__module__.partition(".")[0] != "pandas"


def _path(source: str | Path) -> Path:
    try:
        return Path(source).expanduser()
    except RuntimeError as error:
        raise DataError(
            f"The table '{source}' cannot be found: {error} Give the whole path."
        ) from error


def _folder(path: Path) -> Path:
    """The folder that the paths in a table's cells are relative to."""
    if path.is_dir():
        return path
    folder = path.parent
    if path.is_file():
        return folder
    while has_magic(str(folder)):
        folder = folder.parent
    return folder
