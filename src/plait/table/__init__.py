"""The table: named Arrow columns from a file or a frame, its parts, and what its columns look like."""

from plait.table._apart import agreed, demand_whole_series, parts_of
from plait.table._column import Column
from plait.table._contents import contents
from plait.table._guess import Guess
from plait.table._infer import infer
from plait.table._leaks import Leak, leaks
from plait.table._markers import markers
from plait.table._mostly_numbers import NUMBER
from plait.table._parts import Parts
from plait.table._passwords import document_without_passwords, without_passwords
from plait.table._remote import address_below, is_address, read_bytes
from plait.table._split import Split, folds
from plait.table._sql import SQL
from plait.table._table import Table
from plait.table._windows import Windows, table_of

__all__ = [
    "NUMBER",
    "SQL",
    "Column",
    "Guess",
    "Leak",
    "Parts",
    "Split",
    "Table",
    "Windows",
    "address_below",
    "agreed",
    "contents",
    "demand_whole_series",
    "document_without_passwords",
    "folds",
    "infer",
    "is_address",
    "leaks",
    "markers",
    "parts_of",
    "read_bytes",
    "table_of",
    "without_passwords",
]
