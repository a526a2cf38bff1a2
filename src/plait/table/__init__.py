"""The table: named Arrow columns from a file or a frame, its parts, and what its columns look like."""

from plait.table._column import Column
from plait.table._split import Parts, Split, folds
from plait.table._table import Table

__all__ = ["Column", "Parts", "Split", "Table", "folds"]
