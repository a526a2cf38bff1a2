"""Reading cells that hold sets of values."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from plait.errors import DataError
from plait.features._cells import is_bytes, is_list, plain, spelling
from plait.table import Column

_SEPARATORS = ("|", ";", ",")


@dataclass(frozen=True)
class Sets:
    """The values of some rows, each once a row.

    Attributes:
        names: the distinct values, each in one spelling.
        codes: the place in `names` of each value of each row, int64.
        parents: the row of each of `codes`, rising.
        present: `(rows,)` bool, which rows have a set, perhaps an empty one.
    """

    names: list[str]
    codes: np.ndarray
    parents: np.ndarray
    present: np.ndarray

    @classmethod
    def of(cls, column: Column, separator: str | None, missing: Sequence[str]) -> Self:
        """Those of a column.

        Args:
            column: of lists or texts.
            separator: what stands between the values of a text; None if each is one value.
            missing: texts that mean an empty cell, or no value of a set.

        Raises:
            DataError: cells that are neither lists of values nor texts.
        """
        column = plain(column)
        present = ~column.is_missing(missing)
        there = np.flatnonzero(present)
        lists = _lists(column, there, separator)
        sizes = pc.list_value_length(lists).to_numpy().astype("int64")
        encoded = _flat(lists).dictionary_encode("encode")
        codes = encoded.indices.to_numpy().astype("int64")
        spelled = [spelling(value) for value in encoded.dictionary.to_pylist()]
        said = Column(
            column.name,
            pa.chunked_array([encoded.dictionary]),
            np.arange(len(spelled)),
            column.source,
        ).is_missing(missing)
        blank = np.array([name == "" for name in spelled], bool)
        names = sorted(set(spelled))
        place = {name: n for n, name in enumerate(names)}
        to_name = np.array([place[name] for name in spelled], "int64")
        parents = np.repeat(there, sizes)
        # A set of which every value means missing says nothing, unlike one that is empty.
        told, gaps = parents[~said[codes]], parents[said[codes] & ~blank[codes]]
        nothing = np.zeros(len(column), bool)
        nothing[gaps] = True
        nothing[told] = False
        known = ~(said | blank)[codes]
        keys = np.unique(parents[known] * max(1, len(names)) + to_name[codes[known]])
        parents, codes = np.divmod(keys, max(1, len(names)))
        return cls(names, codes, parents, present & ~nothing)


def guess_separator(column: Column, missing: Sequence[str]) -> str | None:
    """The first separator that occurs in texts; None for lists and single values.

    Raises:
        DataError: texts that spell a list, which no separator can take apart.
    """
    column = plain(column)
    if not pa.types.is_string(column.type):
        return None
    for piece in column.pieces():
        spelled = pc.fill_null(pc.match_substring_regex(piece.values, r"^\s*\[.*\]\s*$"), False)
        spelled = np.asarray(spelled) & ~piece.is_missing(missing)
        if spelled.any():
            place = int(np.argmax(spelled))
            raise DataError(
                f"{piece.where(place)}: CategorySet expects lists, or values with a separator "
                f"between them. Received the text {piece.cell(place)!r}. Write lists to Parquet or "
                "JSON lines, or declare CategorySet(separator=...)."
            )
    for separator in _SEPARATORS:
        if pc.any(pc.match_substring(column.values, separator)).as_py():
            return separator
    return None


def _lists(column: Column, there: np.ndarray, separator: str | None) -> pa.ChunkedArray:
    """The cells that are there as lists."""
    kind, values = column.type, column.values.take(pa.array(there))
    if pa.types.is_null(kind):
        return values.cast(pa.list_(pa.string()))
    if pa.types.is_string(kind):
        if separator is not None:
            return pc.split_pattern(values, separator)
        ends = pa.array(np.arange(len(values) + 1), pa.int32())
        flat = values.combine_chunks()
        return pa.chunked_array([pa.ListArray.from_arrays(ends, flat)])
    inner = kind.value_type if is_list(kind) else kind
    if not is_list(kind) or pa.types.is_nested(inner) or is_bytes(inner):
        raise DataError(
            f"column '{column.name}' of {column.source}: CategorySet expects lists of text, whole "
            f"numbers or yes/no, or text with a separator. Received {kind}. For one value a row, "
            "declare Category()."
        )
    return values


def _flat(lists: pa.ChunkedArray) -> pa.Array:
    flat = pc.list_flatten(lists)
    if pa.types.is_dictionary(flat.type):
        flat = flat.cast(flat.type.value_type)
    return flat.combine_chunks() if isinstance(flat, pa.ChunkedArray) else flat
