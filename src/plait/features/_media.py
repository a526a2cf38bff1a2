"""Cells that hold media: a path below the column's root, or the bytes themselves."""

import os
import re
import stat
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any, Protocol, TypeVar, runtime_checkable
from urllib.parse import unquote

import numpy as np
import pyarrow as pa

from plait.errors import DataError
from plait.features._cells import empty_column, is_bytes, plain
from plait.features._feature import BrokenCell, OnError
from plait.table import Column, address_below, is_address, read_bytes, without_passwords

Decoded = TypeVar("Decoded")

# A link is looked at before it is followed, since it may lead out of the root.
_NOFOLLOW = getattr(os, "O_NOFOLLOW", 0)
# What is no file, such as a pipe, is not waited for.
_READ = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0) | _NOFOLLOW

_AT_ONCE = 32
"""Paths that are made Python's strings together."""

SAMPLE = 256
"""How many media cells of the training rows a feature learns its sizes and scales from."""


class UnreadableError(Exception):
    """Why a cell cannot be read, such as "is cut short"; its subject is the cell."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)


@runtime_checkable
class MediaReader(Protocol):
    """Whose column holds media: a feature, or a task whose labels are files."""

    @property
    def missing(self) -> tuple[str, ...]:
        """Strings that mean an empty cell."""

    @property
    def on_error(self) -> OnError | None:
        """What becomes of a cell that cannot be read; None is an error, and no choice."""


@dataclass(frozen=True)
class MediaCells:
    """The media of one column.

    Args:
        feature: whose column it is, for its kind, `missing` and `on_error`; a task it may be, too.
        column: paths or bytes.
        noun: what a cell holds, for messages.

    Raises:
        DataError: a column that holds neither paths nor bytes.
    """

    feature: MediaReader
    column: Column
    noun: str

    def __post_init__(self) -> None:
        column = plain(self.column)
        kind = column.type
        if not (is_bytes(kind) or pa.types.is_string(kind) or pa.types.is_null(kind)):
            raise DataError(
                f"column '{column.name}' of {column.source}: {self._name} expects paths or bytes. "
                f"Received {kind}."
            )
        object.__setattr__(self, "column", column)

    @property
    def present(self) -> np.ndarray:
        """Which cells are not empty, `(rows,)` bool."""
        return ~self.column.is_missing(self.feature.missing)

    def decoded(
        self, rows: Iterable[int], decode: Callable[[bytes, int], Decoded]
    ) -> Iterator[tuple[int, Decoded | BrokenCell]]:
        """Each row that is not empty with what `decode` makes of its bytes, or with why it is broken.

        Args:
            rows: indices of cells.
            decode: takes bytes and the row that they are of; raises `UnreadableError` for bytes that
                it cannot use.

        Raises:
            DataError: a broken cell where `on_error` is "raise"; a path that leaves the root.
        """
        for row, cell in self._cells(rows):
            try:
                data = cell if isinstance(cell, bytes) else self._file(row, cell)
                yield row, decode(_not_empty(data), row)
            except UnreadableError as error:
                reason = f"{_shown(cell)} {error}"
                if self.feature.on_error != "absent":
                    raise DataError(
                        f"{self.column.where(row)}: {reason}. Mend or empty the cell{self._way_out}."
                    ) from error
                where = self.column
                yield row, BrokenCell(int(where.rows[row]), where.source, where.name, reason)

    def statuses(self, rows: Iterable[int]) -> Iterator[tuple[int, os.stat_result | None]]:
        """Each row that is not empty with what the disk says of its file; None of what is no file.

        No row of a column of bytes, or of media at an address.
        """
        if is_bytes(self.column.type) or is_address(self._root):
            return
        for row, cell in self._cells(rows):
            try:
                found = os.lstat(self._path(row, cell, follow=False))
                if stat.S_ISLNK(found.st_mode):
                    found = os.stat(self._path(row, cell, follow=True))
                yield row, found if stat.S_ISREG(found.st_mode) else None
            except (OSError, DataError):
                yield row, None

    def sample(self, decode: Callable[[bytes], Decoded]) -> list[Decoded]:
        """What `decode` makes of up to `SAMPLE` cells, the same ones at each call.

        Raises:
            DataError: every cell is empty, or none can be read; see `decoded` as well.
        """
        rows = np.flatnonzero(self.present)
        if not len(rows):
            raise empty_column(self.column)
        order = np.random.Generator(np.random.Philox(0)).permutation(rows)
        last: list[BrokenCell] = []

        def whole() -> Iterator[Decoded]:
            for _, found in self.decoded(order.tolist(), lambda data, _: decode(data)):
                if isinstance(found, BrokenCell):
                    last[:] = [found]
                else:
                    yield found

        found = list(islice(whole(), SAMPLE))
        if not found:
            raise DataError(
                f"column '{self.column.name}' of {self.column.source}: no {self.noun} of the "
                f"training rows can be read. Row {last[0].row}: {last[0].reason}."
            )
        return found

    def _cells(self, rows: Iterable[int]) -> Iterator[tuple[int, Any]]:
        """Each row that is not empty, with its cell."""
        if is_bytes(self.column.type):
            found = ((row, self.column.cell(row)) for row in rows)
            yield from ((row, cell) for row, cell in found if cell is not None)
            return
        empty = (None, "", *self.feature.missing)
        rows = iter(rows)
        while block := list(islice(rows, _AT_ONCE)):
            cells = self.column.take(np.array(block)).values.to_pylist()
            yield from (
                (r, cell) for r, cell in zip(block, cells, strict=True) if cell not in empty
            )

    @property
    def _name(self) -> str:
        return type(self.feature).__name__

    @property
    def _way_out(self) -> str:
        choice = self.feature.on_error is not None
        return f', or declare {self._name}(on_error="absent")' if choice else ""

    @cached_property
    def _root(self) -> str:
        root = str(self.column.root or Path())
        return root if is_address(root) else os.path.realpath(root)

    @cached_property
    def _folders(self) -> dict[str, str]:
        """The folders met so far, and where each really is."""
        return {}

    def _path(self, row: int, cell: str, *, follow: bool) -> str:
        """The path of a cell, inside the root; where `follow`, of what a link there leads to.

        Raises:
            DataError: it climbs out, which is an attack or a mistake, never a gap.
        """
        root, cell = self._root, cell.replace("\0", "\N{REPLACEMENT CHARACTER}")
        if is_address(root):
            # As a server reads it, too: %2e is a dot.
            inside = not is_address(cell) and ".." not in re.split(r"[/\\]", unquote(cell))
            path = address_below(root, cell)
        else:
            folder, name = os.path.split(cell)
            path = self._folder(folder) + name
            if name in ("", os.curdir, os.pardir) or (follow and os.path.islink(path)):
                path = os.path.realpath(path)
            inside = path.startswith(self._folder(""))
        if not inside:
            raise DataError(
                f"{self.column.where(row)}: {cell!r} lies outside the folder that media are read "
                f"from, '{without_passwords(root)}'. Give paths relative to that folder, or name by "
                "root= the folder that holds all of them."
            )
        return path

    def _folder(self, name: str) -> str:
        """A folder below the root with a separator behind it, resolved once for all of its files."""
        if name not in self._folders:
            real = os.path.realpath(os.path.join(self._root, name))
            self._folders[name] = os.path.join(real, "")
        return self._folders[name]

    def _file(self, row: int, cell: str) -> bytes:
        path = self._path(row, cell, follow=not _NOFOLLOW)
        if is_address(path):
            return self._fetched(path)
        try:
            file = self._open(row, cell, path)
        except OSError as error:
            if os.path.exists(path):
                raise UnreadableError(f"cannot be opened: {error.strerror}") from error
            raise UnreadableError(f"does not exist in '{self._root}'") from error
        try:
            status = os.fstat(file)
            if not stat.S_ISREG(status.st_mode):
                raise UnreadableError("is not a file")
            return os.read(file, status.st_size)
        except OSError as error:
            raise UnreadableError(f"cannot be read: {error.strerror}") from error
        finally:
            os.close(file)

    def _open(self, row: int, cell: str, path: str) -> int:
        try:
            return os.open(path, _READ)
        except OSError:
            if not os.path.islink(path):
                raise
            return os.open(self._path(row, cell, follow=True), _READ)

    def _fetched(self, address: str) -> bytes:
        try:
            return read_bytes(address)
        except FileNotFoundError as error:
            root = without_passwords(self._root)
            raise UnreadableError(f"does not exist in '{root}'") from error
        except Exception as error:  # Every file system has errors of its own.
            said = without_passwords(f"{type(error).__name__}: {error}")
            raise UnreadableError(f"cannot be fetched: {said}") from error


def _not_empty(data: bytes) -> bytes:
    if not data:
        raise UnreadableError("is empty: it has 0 bytes")
    return data


def _shown(cell: str | bytes) -> str:
    return f"the cell of {len(cell)} bytes" if isinstance(cell, bytes) else repr(cell)
