"""Columns whose values tie rows of different parts together."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

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
        column = {part: table.column(name).values for part, table in parts.items()}
        if len({values.type for values in column.values()}) > 1:
            continue
        whole = pa.chunked_array([c for values in column.values() for c in values.chunks])
        if not _is_key_like(name, whole):
            continue
        taught = pc.unique(column["train"].drop_null())
        shared: set[Any] = set()
        rows = 0
        for part, values in column.items():
            if part != "train":
                tied = values.filter(pc.is_in(values, value_set=taught))
                rows += len(tied)
                shared |= set(pc.unique(tied).to_pylist())
        if rows:
            found.append(Leak(name, len(shared), rows, str(min(shared, key=str))))
    return found


def _is_key_like(name: str, values: pa.ChunkedArray) -> bool:
    kind = values.type
    text = pa.types.is_string(kind) or pa.types.is_large_string(kind)
    if not (text or pa.types.is_integer(kind)):
        return False
    known = values.drop_null()
    distinct = pc.unique(known)
    repeated = len(known) - len(distinct)
    whose = _says_whose(name)
    least = _FEWEST_NAMED if whose else _LEAST_DISTINCT
    if len(distinct) < least or repeated < _LEAST_REPEATS * len(known):
        return False
    if not whose and len(known) > _MOST_ROWS * len(distinct):
        return False
    named = whose or snake(name).rpartition("_")[2] in _KEYS
    if not text:
        return named
    if pc.max(pc.utf8_length(distinct)).as_py() > _LONGEST:
        return False
    if pc.any(pc.match_substring(distinct, " ")).as_py():
        return False
    digits = pc.mean(pc.match_substring_regex(distinct, r"\d").cast(pa.int8())).as_py()
    return named or digits > 0.9


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
