"""Reading cells that hold several labels."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from plait.errors import DataError
from plait.table import Column
from plait.tasks._labels import Labelled, is_number, plain_values, texts, where

_SEPARATORS = ("|", ";", ",")


@dataclass(frozen=True)
class LabelLists:
    """The labels of some rows, end to end.

    Attributes:
        labelled: the rows.
        values: every label of every row: booleans, numbers or strings.
        parents: the row in `labelled` of each of `values`.
    """

    labelled: Labelled
    values: pa.Array
    parents: np.ndarray


def guess_separator(labelled: Labelled) -> str | None:
    """The first separator that occurs in the strings; None for lists and single labels.

    Raises:
        DataError: strings that spell a list, which no separator can take apart.
    """
    values = labelled.values
    if not pa.types.is_string(values.type):
        return None
    spelled = np.flatnonzero(pc.match_substring_regex(values, r"^\s*\[.*\]\s*$"))
    if len(spelled):
        raise DataError(
            f"{where(labelled, spelled[0])}: Multilabel expects lists, or labels with a separator "
            f"between them. Received the text {values[int(spelled[0])].as_py()!r}. Write lists to "
            "Parquet or JSON lines, or declare Multilabel(separator=...)."
        )
    for separator in _SEPARATORS:
        if pc.any(pc.match_substring(values, separator)).as_py():
            return separator
    return None


def label_lists(
    labelled: Labelled, separator: str | None, missing: Sequence[str] = ()
) -> LabelLists:
    """The labels of each row, without empty ones and those that mean missing.

    A row all of whose labels mean missing is not labelled, as little as an empty cell is.

    Args:
        labelled: rows whose cells are lists or strings.
        separator: what stands between the labels of a string; None if each is one label.
        missing: texts that mean a missing label.

    Raises:
        DataError: cells that are neither lists nor strings, or lists of what is no label.
    """
    values = labelled.values
    if not len(values):
        return LabelLists(labelled, pa.array([], pa.string()), np.zeros(0, "int64"))
    if pa.types.is_string(values.type):
        flat, parents = (
            _flat(labelled, pc.split_pattern(values, separator))
            if separator
            else (values, np.arange(len(values)))
        )
        flat = pc.utf8_trim_whitespace(flat)
    elif _is_list(values.type):
        flat, parents = _flat(labelled, values)
    else:
        raise DataError(
            f"{where(labelled, 0)}: Multilabel expects a list of labels, or a string with a "
            f"separator. Received the {values.type} {values[0].as_py()!r}. For one label a row, "
            "declare Multiclass()."
        )
    there = np.asarray(pc.is_valid(flat))
    if pa.types.is_string(flat.type):
        there &= ~np.asarray(pc.fill_null(pc.equal(flat, ""), True))
    column = labelled.column
    cells = Column(column.name, flat, column.rows[parents], column.source)
    said = there & cells.is_missing(missing)
    known = there & ~said
    nothing = np.zeros(len(values), bool)
    nothing[parents[said]] = True
    nothing[parents[known]] = False
    place = np.cumsum(~nothing) - 1
    return LabelLists(labelled.kept(~nothing), flat.filter(pa.array(known)), place[parents[known]])


def _is_list(kind: pa.DataType) -> bool:
    return (
        pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)
    )


def _flat(labelled: Labelled, lists: pa.Array) -> tuple[pa.Array, np.ndarray]:
    flat = plain_values(pc.list_flatten(lists))
    parents = pc.list_parent_indices(lists).to_numpy(zero_copy_only=False)
    if not is_number(flat.type):
        flat = texts(labelled, flat, "Multilabel", parents)
    return flat, parents
