"""The rows of a table that a command is about."""

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
