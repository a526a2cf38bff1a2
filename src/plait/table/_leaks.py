"""Columns whose values tie rows of different parts together."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from plait.table._column import Column
from plait.table._table import Table
from plait.table._words import snake

_LEAST_DISTINCT = 20
_FEWEST_NAMED = 10
_MOST_ROWS = 20
_LEAST_REPEATS = 0.05
_LONGEST = 40


@dataclass(frozen=True)
class Leak:
    """A key-like column that parts share values of.

    Attributes:
        column: its name.
        values: how many of its values are in the training part and in another.
        rows: how many rows outside the training part have a value that is in it.
        example: one such value.
    """

    column: str
    values: int
    rows: int
    example: str


def leaks(parts: Mapping[str, Table]) -> list[Leak]:
    """Key-like columns whose values repeat across parts: a customer, a product, a recording.

    A column is key-like if it holds whole numbers or short strings without spaces, some of them
    repeated, and if it speaks of identity:

    - its name says whom or what rows are of (actor, customer_id, patientNo): at least 10 values;
    - its name ends in id, key, code and the like, or its strings have digits in them: at least 20
      values, of which each stands for 20 rows at most on average, as no kind or place does.

    Ordinary numbers, categories and text are none.

    Args:
        parts: the rows of "train" and of the other parts.
    """
    found = []
    for name in parts["train"].columns:
        if not all(name in table for table in parts.values()):
            continue
        columns = {part: table.column(name) for part, table in parts.items()}
        if len({column.type for column in columns.values()}) > 1:
            continue
        cells = {part: _cells_of_a_key(column) for part, column in columns.items()}
        keys = {part: of for part, of in cells.items() if of is not None}
        if len(keys) < len(cells) or not _is_key_like(name, list(keys.values())):
            continue
        taught = keys["train"].distinct
        shared: set[Any] = set()
        rows = 0
        for part, column in columns.items():
            if part != "train":
                rows += _rows_with(taught, column)
                both = pc.is_in(keys[part].distinct, value_set=taught)
                shared.update(keys[part].distinct.filter(both).to_pylist())
        if rows:
            found.append(Leak(name, len(shared), rows, str(min(shared, key=str))))
    return found


@dataclass(frozen=True)
class _Cells:
    """The distinct ones of a column, and how many say something."""

    distinct: pa.Array
    known: int


def _cells_of_a_key(column: Column) -> _Cells | None:
    """None at the first cell that is none: of a long column of prose little is read."""
    if not (_is_text(column.type) or pa.types.is_integer(column.type)):
        return None
    distinct, known = pa.array([], column.type), 0
    for piece in column.pieces():
        cells = piece.values.drop_null()
        new = cells.unique()
        if _is_text(column.type) and len(new) and not _are_short_words(new):
            return None
        distinct = pa.chunked_array([distinct, new], column.type).unique()
        known += len(cells)
    return _Cells(distinct, known)


def _are_short_words(texts: pa.Array) -> bool:
    longest = pc.max(pc.utf8_length(texts)).as_py()
    return longest <= _LONGEST and not pc.any(pc.match_substring(texts, " ")).as_py()


def _rows_with(cells: pa.Array, column: Column) -> int:
    found = (pc.sum(pc.is_in(piece.values, value_set=cells)).as_py() for piece in column.pieces())
    return sum(count or 0 for count in found)


def _is_key_like(name: str, parts: Sequence[_Cells]) -> bool:
    distinct = pa.chunked_array([part.distinct for part in parts]).unique()
    known = sum(part.known for part in parts)
    whose = _says_whose(name)
    least = _FEWEST_NAMED if whose else _LEAST_DISTINCT
    if len(distinct) < least or known - len(distinct) < _LEAST_REPEATS * known:
        return False
    if not whose and known > _MOST_ROWS * len(distinct):
        return False
    named = whose or snake(name).rpartition("_")[2] in _KEYS
    if named or not _is_text(distinct.type):
        return named
    return pc.mean(pc.match_substring_regex(distinct, r"\d").cast(pa.int8())).as_py() > 0.9


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _says_whose(name: str) -> bool:
    """`actor`, `CustomerID`, `userid`, `patient_no`; not `user_type`, which many share."""
    *before, last = snake(name).split("_")
    if before and (last in _KEYS or last == "name"):
        last = before[-1]
    return last in _WHOSE or last.removesuffix("id") in _WHOSE


_KEYS = {"id", "key", "code", "number", "no", "nr", "uuid", "guid", "sku"}
_WHOSE = {
    *("customer", "user", "username", "client", "member", "account", "household", "email"),
    *("patient", "subject", "participant", "person", "actor", "speaker", "singer", "reader"),
    *("author", "writer", "student", "employee", "session", "recording", "product", "item"),
}
