"""The answer of a database."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import pyarrow as pa

from plait.errors import ConfigError, DataError
from plait.table._stream import Stream

_DRIVERS = {
    "sqlite": "adbc_driver_sqlite",
    "postgresql": "adbc_driver_postgresql",
    "postgres": "adbc_driver_postgresql",
}
_TABLE = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)?")
_PASSWORD = re.compile(r"(://[^:/@]*):[^@]*@")


@dataclass(frozen=True)
class SQL:
    """What a database answers to a query, through ADBC.

    Args:
        uri: `sqlite:///shop.db` (a path relative to the working folder; `sqlite:////data/shop.db` is an
            absolute one) or `postgresql://user@host:5432/shop`. A password is better left to
            `PGPASSWORD` or `~/.pgpass`, which PostgreSQL's library reads by itself.
        query: in the database's own SQL, or only a table's name.

    Raises:
        ConfigError: a database of another kind.

    Example:
        Table.read(plait.SQL("sqlite:///shop.db", "SELECT * FROM orders WHERE year > 2020"))
    """

    uri: str
    query: str

    def __post_init__(self) -> None:
        scheme = self.uri.partition("://")[0]
        if scheme not in _DRIVERS or "://" not in self.uri:
            raise ConfigError(
                "SQL: uri is sqlite:///FILE or postgresql://USER@HOST/DATABASE. "
                f"Received: {_shown(self.uri)!r}."
            )
        if not self.query.strip():
            raise ConfigError("SQL: query is empty. Give a table's name, or a SELECT.")

    @property
    def name(self) -> str:
        """What messages call it; without a password."""
        query = " ".join(self.query.split())
        short = query if len(query) <= 60 else query[:57] + "..."
        return f"{short} of {_shown(self.uri)}"

    def stream(self) -> Stream:
        """Its rows; the query is asked twice, for their types and for them.

        Raises:
            DataError: no such database, or a query that it refuses; the driver is not installed.
        """
        with self._asked() as reader:
            schema = pa.schema([(field.name, _plain(field.type)) for field in reader.schema])

        def batches() -> Iterator[pa.RecordBatch]:
            with self._asked() as reader:
                for batch in reader:
                    cells = [_stored(c).cast(t) for c, t in zip(batch, schema.types, strict=True)]
                    yield pa.RecordBatch.from_arrays(cells, schema=schema)

        return Stream(schema, batches)

    @contextmanager
    def _asked(self) -> Iterator[pa.RecordBatchReader]:
        scheme, _, place = self.uri.partition("://")
        driver = _driver(scheme)
        query = self.query.strip().rstrip(";")
        if _TABLE.fullmatch(query):
            query = "SELECT * FROM " + ".".join(f'"{part}"' for part in query.split("."))
        try:
            with (
                driver.connect(place[1:] if scheme == "sqlite" else self.uri) as connection,
                connection.cursor() as cursor,
            ):
                if scheme == "sqlite":
                    # SQLite has no types of columns: the driver guesses them from so many rows.
                    cursor.adbc_statement.set_options(**{"adbc.sqlite.query.batch_rows": "65536"})
                cursor.execute(query)
                yield cursor.fetch_record_batch()
        except (driver.Error, pa.ArrowException) as error:
            said = _PASSWORD.sub(r"\1:...@", str(error))
            raise DataError(f"{self.name} cannot be read: {said}") from error


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


def _shown(uri: str) -> str:
    return _PASSWORD.sub(r"\1:...@", uri)
