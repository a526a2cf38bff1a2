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

_DRIVERS = {
    "sqlite": "adbc_driver_sqlite",
    "postgresql": "adbc_driver_postgresql",
    "postgres": "adbc_driver_postgresql",
}
_GUESSED = "16384"
_TABLE = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)?")
_PASSWORDS = (
    (re.compile(r"(://[^:/@\s]*):[^@\s]*@"), r"\1:...@"),
    (re.compile(r"([?&](?:password|passwd|pwd)=)[^&\s]*", re.IGNORECASE), r"\1..."),
)


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
        with self._asked() as reader:
            schema = pa.schema([(field.name, _plain(field.type)) for field in reader.schema])

            def batches() -> Iterator[pa.RecordBatch]:
                for batch in reader:
                    cells = [_stored(c).cast(t) for c, t in zip(batch, schema.types, strict=True)]
                    yield pa.RecordBatch.from_arrays(cells, schema=schema)

            yield pa.RecordBatchReader.from_batches(schema, batches())

    @contextmanager
    def _asked(self) -> Iterator[pa.RecordBatchReader]:
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
                if scheme == "sqlite":
                    # SQLite has no types of columns: the driver guesses them from so many rows.
                    cursor.adbc_statement.set_options(**{"adbc.sqlite.query.batch_rows": _GUESSED})
                cursor.execute(query)
                yield cursor.fetch_record_batch()
        except (driver.Error, pa.ArrowException) as error:
            raise DataError(
                f"{self.name} cannot be read: {without_passwords(str(error))}"
            ) from error


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


def without_passwords(text: str) -> str:
    """The text with dots in the place of the passwords of addresses in it."""
    for pattern, dots in _PASSWORDS:
        text = pattern.sub(dots, text)
    return text
