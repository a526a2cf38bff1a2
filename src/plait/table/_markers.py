"""Words that stand where a value is missing, in tables that leave no cell empty."""

import pyarrow as pa
import pyarrow.compute as pc

from plait.table._column import Column

# As they are written: "none" and "na" are answers and words far more often than "None" and "NA".
_WORDS = "NA N/A n/a N.A. n.a. #N/A #NA <NA> NaN nan NAN NaT NULL Null null None ? - -- ."
_MARKERS = frozenset([*_WORDS.split(), "missing", "Missing", "MISSING"])


def markers(column: Column) -> list[str]:
    """The words in a column of text that usually mean missing, sorted.

    It is for the user to say whether they do: NA is Namibia, too.
    """
    kind = column.type
    if not (pa.types.is_string(kind) or pa.types.is_large_string(kind)):
        return []
    known = pa.array(sorted(_MARKERS), kind)
    found: set[str] = set()
    for piece in column.pieces():
        bare = pc.utf8_trim_whitespace(piece.values)
        found.update(piece.values.filter(pc.is_in(bare, value_set=known)).unique().to_pylist())
    return sorted(found)
