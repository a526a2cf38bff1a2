"""Files behind an address, through fsspec."""

import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any

from plait.errors import DataError
from plait.table._disk_folder import disk_folder
from plait.table._files import is_table
from plait.table._hive import is_hive
from plait.table._passwords import without_passwords

_DATABASES = ("sqlite:", "postgres:", "postgresql:")


def is_address(source: object) -> bool:
    """Whether it is an address, such as `s3://bucket/table.parquet`."""
    return isinstance(source, str) and "://" in source


@contextmanager
def fetched(address: str) -> Iterator[tuple[list[Path], Path]]:
    """Copies of the files of a table, and the folder that they are in, which is gone afterwards.

    Of the folders that they were in, those stay whose names have a cell in them.

    Args:
        address: of a file, a pattern, or a folder; whatever fsspec opens.

    Raises:
        DataError: nothing is there, the file system is not installed, or the connection fails.
    """
    with _explained(address):
        system, path = _system(address)
        start = len(path)
        if _is_pattern(address):
            listed = system.glob(path, detail=True)
            # Of a link some systems say neither "file" nor "directory".
            found = sorted(p for p, info in listed.items() if info["type"] != "directory")
            start = len(re.split(r"[*[]", path, maxsplit=1)[0].rpartition("/")[0])
        elif not _is_web(address) and system.isdir(path):
            start = len(path.rstrip("/")) + 1
            found = sorted(p for p in system.find(path) if is_table(PurePosixPath(p[start:])))
        else:
            found = [path]
    if not found:
        raise _nothing_at(address)
    with tempfile.TemporaryDirectory(dir=disk_folder()) as folder:
        places = []
        for number, one in enumerate(found):
            within = PurePosixPath(one[start:]).parent.parts
            inner = Path(folder, str(number), *(part for part in within if is_hive(part)))
            inner.mkdir(parents=True)
            places.append(inner / file_name(one))
            with _explained(address):
                system.get_file(one, str(places[-1]))
        yield places, Path(folder)


def folder_of(address: str) -> str:
    """The address of the folder that a table's media paths are relative to."""
    address, container = _without_container(address)
    start, _, rest = _bare(address).partition("://")
    parts = rest.split("/")
    # Outside of a container the first is a host or a bucket.
    least = 0 if container else 1
    while len(parts) > least and (_is_pattern("/".join(parts)) or "." in parts[-1]):
        parts.pop()
    return f"{start}://{'/'.join(parts)}{container}"


def address_below(folder: str, path: str) -> str:
    """The address of what lies in a folder that has one."""
    folder, container = _without_container(folder)
    return f"{folder}{'' if folder.endswith('/') else '/'}{path}{container}"


def file_name(address: str) -> str:
    """The name of the file, without what an address of the web asks for behind it."""
    return PurePosixPath(_bare(_without_container(address)[0])).name


def _without_container(address: str) -> tuple[str, str]:
    """`zip://a/t.csv::s3://shop/x.zip` as `zip://a/t.csv` and `::s3://shop/x.zip`."""
    start, slashes, rest = address.partition("://")
    path, colons, container = rest.partition("::")
    return start + slashes + path, colons + container


def _bare(address: str) -> str:
    return re.split(r"[?#]", address, maxsplit=1)[0] if _is_web(address) else address


def _is_web(address: str) -> bool:
    return address.startswith(("http://", "https://"))


def _is_pattern(address: str) -> bool:
    """A `?` is none: in an address of the web it begins what is asked for."""
    return "*" in address or "[" in address


def read_bytes(address: str) -> bytes:
    """A file's contents.

    Raises:
        FileNotFoundError: it is not there.
        OSError: it cannot be read.
    """
    system, path = _system(address)
    return bytes(system.cat_file(path))


def _system(address: str) -> tuple[Any, str]:
    try:
        import fsspec
    except ImportError as error:
        raise DataError(
            f"To read '{without_passwords(address)}' the package fsspec is needed: "
            "pip install 'plait[remote]'."
        ) from error
    system, path = fsspec.core.url_to_fs(address)
    return system, path


@contextmanager
def _explained(address: str) -> Iterator[None]:
    try:
        yield
    except DataError:
        raise
    except FileNotFoundError as error:
        raise _nothing_at(address) from error
    except ImportError as error:
        # It names the package, as in "Install s3fs to access S3".
        raise DataError(f"'{without_passwords(address)}' cannot be opened: {error}") from error
    except Exception as error:  # Every file system has errors of its own.
        said = without_passwords(f"{type(error).__name__}: {error}")
        if address.startswith(_DATABASES):
            said += ". SQL(uri, query) reads a database, in a config {SQL: {uri: ..., query: ...}}."
        raise DataError(f"'{without_passwords(address)}' cannot be read: {said}") from error


def _nothing_at(address: str) -> DataError:
    return DataError(f"There is no table at '{without_passwords(address)}'.")
