"""The answer of a database."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pyarrow as pa

from plait.errors import ConfigError, DataError
from plait.table._passwords import without_passwords

_DRIVERS = {
    "sqlite": "adbc_driver_sqlite",
    "postgresql": "adbc_driver_postgresql",
    "postgres": "adbc_driver_postgresql",
}
_CELLS = {"null": "NULL", "integer": "0", "real": "0.0", "text": "''", "blob": "x''"}
"""A cell of each of SQLite's types; a column of one holds cells of those before it, too."""
_TABLE = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)?")


@dataclass(frozen=True, repr=False)
class SQL:
    """What a database answers to a query, through ADBC.

    Args:
        uri: `sqlite:///shop.db` (a path relative to the working folder, or to the config that says so;
            `sqlite:////data/shop.db` is an absolute one) or `postgresql://user@host:5432/shop`. A
            password is better left to `PGPASSWORD` or `~/.pgpass`, which PostgreSQL's library reads
            by itself: none is written into a run.
        query: in the database's own SQL, or only a table's name.

    Raises:
        ConfigError: a database of another kind.

    Example:
        Table.read(plait.SQL("sqlite:///shop.db", "SELECT * FROM orders WHERE year > 2020"))
    """

    uri: str
    query: str

    def __repr__(self) -> str:
        return f"SQL({without_passwords(self.uri)!r}, {self.query!r})"

    def beside(self, folder: Path) -> "SQL":
        """The same, with the path of a file relative to a folder."""
        scheme, _, place = self.uri.partition("://")
        if scheme != "sqlite" or place.startswith("//"):
            return self
        return SQL(f"sqlite:///{(folder / place[1:]).absolute()}", self.query)

    def __post_init__(self) -> None:
        scheme, colon, place = self.uri.partition("://")
        if scheme not in _DRIVERS or not colon or (scheme == "sqlite" and not place[1:]):
            raise ConfigError(
                "SQL: uri is sqlite:///FILE or postgresql://USER@HOST/DATABASE. "
                f"Received: {without_passwords(self.uri)!r}."
            )
        if scheme == "sqlite" and not place.startswith("/"):
            raise ConfigError(
                f"SQL: uri has three slashes before a file, as sqlite:///{place}. Received: "
                f"{self.uri!r}."
            )
        if not self.query.strip():
            raise ConfigError("SQL: query is empty. Give a table's name, or a SELECT.")

    @property
    def name(self) -> str:
        """What messages call it; without a password."""
        query = " ".join(self.query.split())
        short = query if len(query) <= 60 else query[:57] + "..."
        return f"{short} of {without_passwords(self.uri)}"

    @contextmanager
    def rows(self) -> Iterator[pa.RecordBatchReader]:
        """Its rows, batch by batch, within the block.

        Raises:
            DataError: no such database, or a query that it refuses; the driver is not installed.
        """
        with self._asked() as answer:
            types = [_plain(field.type) for field in answer.batches.schema]
            schema = pa.schema(list(zip(answer.names, types, strict=True)))

            def batches() -> Iterator[pa.RecordBatch]:
                skipped = answer.skipped
                try:
                    for batch in answer.batches:
                        rows = batch.slice(skipped)
                        skipped = 0
                        cells = [_stored(c).cast(t) for c, t in zip(rows, types, strict=True)]
                        yield pa.RecordBatch.from_arrays(cells, schema=schema)
                except (OSError, pa.ArrowException) as error:
                    raise self._refused(error) from error

            yield pa.RecordBatchReader.from_batches(schema, batches())

    @contextmanager
    def _asked(self) -> Iterator["_Answer"]:
        scheme, _, place = self.uri.partition("://")
        driver = _driver(scheme)
        query = self.query.strip().rstrip(";")
        if _TABLE.fullmatch(query):
            query = "SELECT * FROM " + ".".join(f'"{part}"' for part in query.split("."))
        where = self.uri if scheme != "sqlite" else _file(Path(place[1:]), self.name)
        try:
            with (
                driver.connect(where) as connection,
                connection.cursor() as cursor,
            ):
                cursor.execute(query)
                names = [column[0] for column in cursor.description]
                if scheme == "sqlite":
                    cursor.execute(_with_types(cursor, query, len(names)))
                yield _Answer(names, cursor.fetch_record_batch(), int(scheme == "sqlite"))
        except (driver.Error, pa.ArrowException) as error:
            raise self._refused(error) from error

    def _refused(self, error: Exception) -> DataError:
        return DataError(f"{self.name} cannot be read: {without_passwords(str(error))}")


@dataclass(frozen=True)
class _Answer:
    """What a driver gives.

    Attributes:
        names: of the columns.
        batches: of the rows; the columns may have other names there.
        skipped: how many of the first rows are none of the answer.
    """

    names: list[str]
    batches: pa.RecordBatchReader
    skipped: int


def _with_types(cursor: Any, query: str, columns: int) -> str:
    """The query with a row before all others that has the type of each column.

    SQLite's types are of cells and not of columns: its driver settles a column's by the first rows,
    and stops at a later one that is of another. So all of them are asked for their types first.
    """
    names = [f"c{n}" for n in range(columns)]
    # On a line of its own, since a query may end in a comment.
    given = f"WITH answer({', '.join(names)}) AS ({query}\n)"
    ranks = " ".join(f"WHEN '{kind}' THEN {rank}" for rank, kind in enumerate(_CELLS))
    asked = ", ".join(f"max(CASE typeof({name}) {ranks} END)" for name in names)
    cursor.execute(f"{given} SELECT {asked} FROM answer")
    # Of an answer without rows the greatest of all types is null.
    first = ", ".join(list(_CELLS.values())[rank or 0] for rank in cursor.fetchone())
    return f"{given} SELECT {first} UNION ALL SELECT * FROM answer"


def _plain(kind: pa.DataType) -> pa.DataType:
    """What is made of a type that Arrow has no word for: of PostgreSQL's numeric a number."""
    if not isinstance(kind, pa.BaseExtensionType):
        return kind
    return pa.float64() if getattr(kind, "type_name", "") == "numeric" else kind.storage_type


def _stored(cells: pa.Array) -> pa.Array:
    return cells.storage if isinstance(cells, pa.ExtensionArray) else cells


def _driver(scheme: str) -> Any:
    name = _DRIVERS[scheme]
    try:
        return import_module(f"{name}.dbapi")
    except ImportError as error:
        raise DataError(
            f"To read from {scheme}:// the package {name.replace('_', '-')} is needed: "
            "pip install 'plait[sql]'."
        ) from error


def _file(path: Path, name: str) -> str:
    """A file of SQLite's, which is not made where there is none, and not written to."""
    if not path.is_file():
        raise DataError(f"{name}: there is no file '{path}'.")
    return f"file:{quote(str(path))}?mode=ro"
