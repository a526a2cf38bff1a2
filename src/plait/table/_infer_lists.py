"""What a column of lists seems to be: vectors of one length, series, sets of labels."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from plait.table._guess import Guess

_SHORTEST = 8
"""Fewer numbers than this may be a pair of coordinates, a range, or marks."""
_MANY = 200


def guess_lists(name: str, lists: pa.ChunkedArray) -> Guess:
    """A guess for a column of lists.

    Args:
        name: the column's.
        lists: the cells of a sample that are there.
    """
    inner = lists.type.value_type
    if pa.types.is_floating(inner) or pa.types.is_decimal(inner):
        lengths = np.unique(pc.list_value_length(lists).to_numpy())
        if len(lengths) > 1:
            found = f"each cell is a list of {lengths[0]} to {lengths[-1]} numbers: a series"
            return Guess(name, "Series", found)
        found = f"each cell is a list of {lengths[0]} numbers"
        if pc.list_flatten(lists).null_count:
            return Guess(name, "Series", f"{found}, some of them empty: a series with gaps")
        if lengths[0] >= _SHORTEST:
            return Guess(name, "Vector", found)
        return Guess(name, None, f"{found}, too few for an embedding; Vector takes them")
    if pa.types.is_nested(inner) or not (
        pa.types.is_string(inner)
        or pa.types.is_large_string(inner)
        or pa.types.is_integer(inner)
        or pa.types.is_boolean(inner)
        or pa.types.is_dictionary(inner)
    ):
        return Guess(name, None, f"its cells are {lists.type}, which no feature reads")
    labels = pc.list_flatten(lists)
    distinct = len(labels.unique())
    # Whole numbers may be ids of tokens, whose order counts, or a picture.
    safe = distinct <= _MANY and 2 * distinct <= len(labels) and not pa.types.is_integer(inner)
    return Guess(
        name,
        "CategorySet" if safe else None,
        f"each cell is a list: a set of {distinct} labels",
        task="Multilabel",
    )
