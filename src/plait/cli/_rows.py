"""The rows of a table that a command is about."""

from collections.abc import Collection

import pyarrow as pa

from plait.errors import ConfigError
from plait.table import Table


def rows_where(table: Table, where: str | None) -> Table:
    """The rows that `COLUMN=VALUE` picks; all of them if None.

    Raises:
        ConfigError: no `=` in it.
        DataError: no such column, or no such row.
    """
    if where is None:
        return table
    column, equals, value = where.partition("=")
    if not equals:
        raise ConfigError(f"--where is COLUMN=VALUE, as split=test. Received: {where!r}.")
    return table.where(column, value)


def emptied(table: Table, names: Collection[str]) -> Table:
    """The table with nothing in some of its columns.

    Raises:
        DataError: there is no such column.
    """
    arrow = table.arrow
    for name in names:
        values = table.column(name).values
        nothing = pa.nulls(len(values), values.type)
        arrow = arrow.set_column(arrow.column_names.index(name), name, nothing)
    return Table(arrow, table.name, table.root, table.rows)
