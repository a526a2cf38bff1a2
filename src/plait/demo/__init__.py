"""The demonstration's table: made from a seed in seconds, so that nothing has to be shipped."""

from plait.demo._config import CONFIG
from plait.demo._table import CONFIG_FILE, TABLE_FILE, make_table

__all__ = ["CONFIG", "CONFIG_FILE", "TABLE_FILE", "make_table"]
