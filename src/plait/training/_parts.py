"""From what a user gives as data to the rows of each part."""

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from typing import Any

import numpy as np
import pyarrow as pa

from plait._names import did_you_mean
from plait.errors import ConfigError, DataError
from plait.inference import row_weights
from plait.table import Parts, Split, Table, Windows, agreed, parts_of, table_of

PARTS = tuple(field.name for field in fields(Parts))
_HELD_OUT = (0.9, 0.1, 0.0)


def parted(
    table: Any,
    validation: Any = None,
    split: Split | str | None = None,
    targets: Sequence[str] = (),
    root: Any = None,
    windows: Windows | None = None,
) -> dict[str, Table]:
    """`{"train": Table, "validation": Table, "test": Table}`, without parts that have no rows.

    Args:
        table: whatever `Table.read` takes, or a mapping of parts to such tables, of which "train"
            has to be there; validation rows are held out of it if they have no table of their own.
        validation: a table of its own for that part; without a split, all of `table` trains then.
        split: how one table is parted; by the column that `windows` names, or `Split()`, if None.
        targets: the target columns, for a stratified split.
        root: the folder that media paths are relative to; each file's own if None.
        windows: how each table becomes rows of series; None where its rows are rows.

    Raises:
        DataError: a table that cannot be read or parted.
        ConfigError: a mapping with a part that nobody knows; windows that share steps and would be
            parted at random.
    """
    split, windows = agreed(split, windows)
    split = Split(column=split) if isinstance(split, str) else split
    # Of a table of one part all windows are of it.
    of_one = None if windows is None else replace(windows, parts=None)

    if isinstance(table, Mapping) and PARTS[0] in table and not _holds_cells(table):
        unknown = [part for part in table if part not in PARTS]
        if unknown:
            raise ConfigError(f"Data have no part '{unknown[0]}'.{did_you_mean(unknown[0], PARTS)}")
        given = {part: t for part, t in table.items() if t is not None}
        held_out = validation is None and "validation" not in given
        found = {
            part: table_of(t, root, windows if held_out and part == PARTS[0] else of_one)
            for part, t in given.items()
        }
        if held_out:
            some = replace(split or Split(), fractions=_HELD_OUT)
            inner = _taken(found["train"], some, targets, windows)
            found |= {part: inner[part] for part in ("train", "validation") if part in inner}
    elif validation is not None and split is None:
        found = {"train": table_of(table, root, of_one)}
    else:
        found = _taken(table_of(table, root, windows), split or Split(), targets, windows)
    if validation is not None:
        found["validation"] = table_of(validation, root, of_one)
    return found


def counted_rows(table: Table, column: str) -> Table:
    """The rows of a table whose weight is above 0: the others are as if they were not there.

    Raises:
        DataError: see `plait.inference.row_weights`; or no row is left.
    """
    above = np.flatnonzero(row_weights(table, column) > 0)
    if not len(above):
        raise DataError(
            f"Column '{column}' of {table.name}: each of these {len(table)} rows has weight 0, so "
            "that none counts. Give some a weight above 0, or leave weight out."
        )
    return table if len(above) == len(table) else table.take(above)


def counted_parts(parts: Mapping[str, Table], weight: str | None) -> Mapping[str, Table]:
    """The parts by `counted_rows`, but for test rows: they are not read, and need no weight."""
    if weight is None:
        return parts
    read = parts.keys() - {"test"}
    return {**parts, **{part: counted_rows(parts[part], weight) for part in read}}


def _taken(
    table: Table, split: Split, targets: Sequence[str], windows: Windows | None
) -> dict[str, Table]:
    rows = parts_of(table, split, windows, targets)
    return {part: table.take(getattr(rows, part)) for part in PARTS if len(getattr(rows, part))}


def _holds_cells(table: Mapping[str, Any]) -> bool:
    """Whether the mapping is one table, in which a column happens to be called "train"."""
    return isinstance(table[PARTS[0]], list | tuple | np.ndarray | pa.Array | pa.ChunkedArray)
