"""Reading cells that hold a tag for each token of a text."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from plait.errors import DataError
from plait.table import Column
from plait.tasks._labels import Labelled, is_number, plain_values, texts, where

Starts = Sequence[np.ndarray | None]
"""Of each row, where its tokens begin in what the encoder reads; None for a row without the text."""


@dataclass(frozen=True)
class TagCells:
    """The tokens of the labelled rows, end to end, and the tag of each.

    Attributes:
        labelled: the rows, of those that have the text.
        values: the tag of each token that has one: booleans, numbers or strings.
        tagged: `(tokens,)` bool, which tokens have one.
        rows: `(tokens,)`, the row in `labelled` of each token.
        starts: `(tokens,)`, where each begins in what the encoder reads.
    """

    labelled: Labelled
    values: pa.Array
    tagged: np.ndarray
    rows: np.ndarray
    starts: np.ndarray


def tag_cells(labelled: Labelled, starts: Starts, of: str, missing: Sequence[str] = ()) -> TagCells:
    """The tags of each row beside its tokens.

    Args:
        labelled: rows whose cells are lists, or strings of tags between blanks.
        starts: of the same rows.
        of: the name of the text, for messages.
        missing: texts that mean that a token has no tag, as an empty element does.

    Raises:
        DataError: a row with more or fewer tags than tokens; cells that hold no tags.
    """
    known = np.array([begins is not None for begins in starts], bool)
    labelled = labelled.kept(known)
    begins = [some for some in starts if some is not None]
    flat, lists = _flat(labelled)
    sizes = np.array([len(some) for some in begins], "int64")
    wrong = np.flatnonzero(lists != sizes)
    if len(wrong):
        row = wrong[0]
        raise DataError(
            f"{where(labelled, row)}: Tagging expects one tag for each token of '{of}', which are "
            f"what stands between blanks, or the elements of a list. Received {lists[row]} tags for "
            f"{sizes[row]} tokens."
        )
    rows = np.repeat(np.arange(len(sizes)), sizes)
    column = labelled.column
    tagged = np.asarray(pc.is_valid(flat))
    if len(flat):
        tagged &= ~Column(column.name, flat, column.rows[rows], column.source).is_missing(missing)
    place = np.concatenate([np.zeros(0, "int64"), *begins])
    return TagCells(labelled, flat.filter(pa.array(tagged)), tagged, rows, place)


def _flat(labelled: Labelled) -> tuple[pa.Array, np.ndarray]:
    """All tags end to end, and how many each row has."""
    values = labelled.values
    if not len(values):
        return pa.array([], pa.string()), np.zeros(0, "int64")
    if pa.types.is_string(values.type):
        values = pc.utf8_split_whitespace(pc.utf8_trim_whitespace(values))
    elif not (
        pa.types.is_list(values.type)
        or pa.types.is_large_list(values.type)
        or pa.types.is_fixed_size_list(values.type)
    ):
        raise DataError(
            f"{where(labelled, 0)}: Tagging expects a list of tags, or a string of tags with blanks "
            f"between them. Received the {values.type} {values[0].as_py()!r}. For one label a row, "
            "declare Multiclass()."
        )
    flat = plain_values(pc.list_flatten(values))
    sizes = pc.list_value_length(values).to_numpy(zero_copy_only=False).astype("int64")
    if pa.types.is_null(flat.type):
        flat = flat.cast(pa.string())
    if not is_number(flat.type):
        flat = texts(labelled, flat, "Tagging", np.repeat(np.arange(len(sizes)), sizes))
    return flat, sizes
