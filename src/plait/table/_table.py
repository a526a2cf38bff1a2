"""The table: named Arrow columns and where they came from."""

import copy
import hashlib
from collections.abc import Collection
from pathlib import Path
from typing import Any, final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from plait._names import did_you_mean
from plait.errors import DataError
from plait.table._cells import Cells, cells_of
from plait.table._column import Column
from plait.table._fingerprint import fingerprint
from plait.table._mapped import Mapped
from plait.table._plain import check_columns
from plait.table._remote import is_address
from plait.table._source import read_source


@final
class Table:
    """Named Arrow columns, how many rows they have, and where they came from.

    Columns may lie on disk, and rows that were taken are not copied: a table of a part of the rows is
    the same columns and which of their cells count.

    Args:
        arrow: the columns.
        name: what messages call it, such as a file's name.
        root: the folder, or its address, that media paths are relative to, or None.
        rows: each row's number in the source, counted from 1 without the header.
        mapped: the file that the columns lie in, those of them that do.
    """

    def __init__(
        self,
        arrow: pa.Table,
        name: str = "the table",
        root: Path | str | None = None,
        rows: np.ndarray | None = None,
        mapped: Mapped | None = None,
    ) -> None:
        if not isinstance(arrow, pa.Table):
            raise DataError(
                "Table takes a pyarrow table. Table.read(...) takes a path, a frame or a dict of "
                f"lists. Received: {type(arrow).__name__}."
            )
        arrow = check_columns(arrow, name)
        self._cells = cells_of(arrow, mapped)
        self._at: np.ndarray | None = None
        self.name = name
        self.root = root
        self.rows = np.arange(1, arrow.num_rows + 1) if rows is None else rows

    @classmethod
    def read(cls, source: Any, root: str | Path | None = None, name: str | None = None) -> "Table":
        """Reads a table; a large one is kept on disk, in the cache folder, and mapped.

        Args:
            source: one of

                - a path: CSV, TSV, Parquet, JSON lines or Arrow; a pattern such as `"parts/*.csv"`; or
                  a folder of such files, where the name of a folder within it may say what a column
                  is in all rows below it, as `year=2024`;
                - an address of such, as `"s3://shop/orders.parquet"`, that fsspec opens;
                - `SQL(uri, query)`;
                - a data set of Hugging Face's `datasets`;
                - a pyarrow table or stream, a pandas or polars frame, a dict of lists;
                - rows as dicts, in any iterable, which is read once;
                - a `Table`.
            root: the folder that media paths are relative to; the files' own if None.
            name: what messages call it; the file's name if None.

        Raises:
            DataError: nothing there, contents that cannot be read, duplicate columns, or no rows.
        """
        folder = root if root is None or is_address(root) else Path(root)
        if isinstance(source, Table):
            return source if folder is None else source._like(root=folder)
        found = read_source(source, name)
        return cls(found.arrow, found.name, folder or found.root, mapped=found.mapped)

    @property
    def arrow(self) -> pa.Table:
        """All of it in memory."""
        return pa.table({name: self.column(name).values for name in self.columns})

    @property
    def columns(self) -> list[str]:
        """The columns' names, in order."""
        return list(self._cells)

    @property
    def num_rows(self) -> int:
        """How many rows there are."""
        return len(self.rows)

    def __len__(self) -> int:
        return self.num_rows

    def __contains__(self, name: object) -> bool:
        return name in self.columns

    def __repr__(self) -> str:
        return f"Table({self.name!r}, rows={self.num_rows}, columns={self.columns})"

    def column(self, name: str) -> Column:
        """A column by its name.

        Raises:
            DataError: there is no such column.
        """
        if name not in self.columns:
            raise DataError(
                f"{self.name} has no column '{name}'.{did_you_mean(name, self.columns)}"
            )
        return Column(name, self._cells[name], self.rows, self.name, self.root, self._at)

    def take(self, indices: np.ndarray) -> "Table":
        """The rows at `indices` (counted from 0), which keep their numbers in the source."""
        if len(indices) == 0:
            raise DataError(f"{self.name}: no rows are left to take.")
        indices = np.asarray(indices, "int64")
        at = indices if self._at is None else self._at[indices]
        return self._like(_at=at, rows=self.rows[indices])

    def followed_by(self, other: "Table") -> "Table":
        """The rows of both, one after the other, where both were taken from one table."""
        parts = [np.arange(len(t)) if t._at is None else t._at for t in (self, other)]
        rows = np.concatenate([self.rows, other.rows])
        return self._like(_at=np.concatenate(parts), rows=rows)

    def where(self, column: str, value: str) -> "Table":
        """The rows whose cell of a column reads, as text, like `value`.

        Raises:
            DataError: there is no such column, or no such row; cells that have no one text.
        """
        cells = self.column(column).values
        if pa.types.is_dictionary(cells.type):
            cells = cells.cast(cells.type.value_type)
        try:
            cells = cells.cast(pa.string())
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
            raise DataError(
                f"Column '{column}' of {self.name} holds {cells.type} and cannot be compared with "
                f"{value!r}. Choose rows by a column of text, numbers, yes/no or dates."
            ) from error
        found = np.flatnonzero(pc.fill_null(pc.equal(cells, value), False).to_numpy())
        if not len(found):
            known = [text for text in pc.unique(cells).to_pylist() if text is not None]
            raise DataError(
                f"{self.name}: no row's '{column}' is {value!r}.{did_you_mean(value, known)}"
            )
        return self.take(found)

    def without(self, names: Collection[str]) -> "Table":
        """The table less some columns.

        Raises:
            DataError: there is no such column.
        """
        for name in names:
            self.column(name)
        return self._like(_cells={n: c for n, c in self._cells.items() if n not in names})

    def emptied(self, names: Collection[str]) -> "Table":
        """The table with nothing in some of its columns.

        Raises:
            DataError: there is no such column.
        """
        cells = dict(self._cells)
        for name in names:
            was = self.column(name).cells
            cells[name] = Cells(pa.chunked_array([pa.nulls(len(was), was.type)]))
        return self._like(_cells=cells)

    def fingerprint(self) -> str:
        """A hash of the columns' names, types and values; the same for the same data."""
        digest = hashlib.sha256()
        for name in self.columns:
            digest.update(f"{name}\0".encode() + fingerprint(self.column(name)))
        return digest.hexdigest()

    def _like(self, **changed: Any) -> "Table":
        """A copy with some attributes changed."""
        other = copy.copy(self)
        for name, value in changed.items():
            setattr(other, name, value)
        return other
