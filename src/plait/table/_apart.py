"""Windows of one series in several parts: none is asked for what another has learnt."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pyarrow as pa

from plait.errors import ConfigError, DataError
from plait.table._codes import Codes
from plait.table._column import Column
from plait.table._parts import Parts
from plait.table._split import Split
from plait.table._table import Table
from plait.table._times import times_of
from plait.table._windows import FUTURE_TIMES, Windows

_WAYS_OUT = (
    "Say which part each step is in, by Windows(parts=a column, or three counts of steps); cut by "
    "time, Split(after={time!r}); or keep each series whole, Split(by=...) of its column."
)


def agreed(
    split: Split | str | None, windows: Windows | None
) -> tuple[Split | str | None, Windows | None]:
    """A split and windows of which both say the part: one column, whichever of the two names it.

    Raises:
        ConfigError: both say it, and not alike.
    """
    if windows is None:
        return split, windows
    column = split.column if isinstance(split, Split) else split
    if windows.part is None:
        return split, windows if column is None else replace(windows, parts=column)
    if split is None:
        return Split(column=windows.part), windows
    if column != windows.part:
        raise ConfigError(
            f"split: Windows(parts={windows.parts!r}) says which part each window is in, as the column "
            f"'{windows.part}'. Leave split out, or parts. Received: {split!r}.",
            ("split",),
        )
    return split, windows


def parts_of(
    table: Table, split: Split, windows: Windows | None = None, targets: Sequence[str] = ()
) -> Parts:
    """The rows of each part, without windows that lie in no one part.

    Args:
        table: all rows; of windows, if there are any.
        split: how it is parted.
        windows: how its rows were made; None for rows that are no windows.
        targets: see `Split.parts`.

    Raises:
        ConfigError: windows that share steps would be parted at random.
        DataError: see `Split.parts`; no window is left to train on.
    """
    if windows is None:
        return split.parts(table, targets)
    if windows.part is not None:
        said = np.flatnonzero(~table.column(windows.part).is_missing())
        parts = split.parts(table.take(said), targets)
        return Parts(said[parts.train], said[parts.validation], said[parts.test])
    after = split.columns[0] if split.after is not None else None
    if after == windows.time and FUTURE_TIMES in table:
        return _uncrossed(split.parts(table, targets), table, windows.time)
    demand_whole_series(table, split.by, windows)
    return split.parts(table, targets)


def demand_whole_series(table: Table, by: str | None, windows: Windows | None) -> None:
    """Refuses to part windows that share steps other than series by series.

    Args:
        table: of windows.
        by: the column whose equal values stay in one part; None for no such.
        windows: how they were made.

    Raises:
        ConfigError: a series may come into two parts.
    """
    if windows is None or not windows.overlap:
        return
    way_out = _WAYS_OUT.format(time=windows.time)
    if by is None:
        raise ConfigError(
            f"split: the windows of {table.name} share steps: parted like this, what one part is "
            f"asked for would be what another has learnt. {way_out}",
            ("split",),
        )
    names = (*windows.names[:-1], by)
    groups = np.stack([Codes.of(table.column(name)).with_empty_apart() for name in names])
    series = np.unique(groups[:-1], axis=1).shape[1] if len(groups) > 1 else 1
    if np.unique(groups, axis=1).shape[1] > series:
        raise ConfigError(
            f"split: by '{by}' the windows of one series of {table.name} come into several parts, "
            f"and share steps. {way_out}",
            ("split",),
        )


def _uncrossed(parts: Parts, table: Table, time: str) -> Parts:
    """Less the windows whose future reaches into the time of a later part."""
    times, reach = times_of(table.column(time)), _reach(table, time)
    train, validation = (
        rows[reach[rows] < times[later].min()] if len(later) else rows
        for rows, later in (
            (parts.train, np.concatenate([parts.validation, parts.test])),
            (parts.validation, parts.test),
        )
    )
    if not len(train):
        raise DataError(
            f"{table.name}: the future of every window before the first cut reaches beyond it. Cut "
            "later, or choose a shorter horizon."
        )
    return Parts(train, validation, parts.test)


def _reach(table: Table, time: str) -> np.ndarray:
    """`(windows,)`, the last time of each future; of one without a row, of its history."""
    lists = table.column(FUTURE_TIMES).values.combine_chunks()
    ends = np.concatenate([[0], np.cumsum(np.asarray(lists.value_lengths()))])
    flat = lists.flatten()
    # Behind the last time that is known stand those of steps without a row.
    known = np.where(np.asarray(flat.is_valid()), np.arange(len(flat)), -1)
    last = np.maximum.accumulate(known)[ends[1:] - 1]
    last[last < ends[:-1]] = -1
    known = np.flatnonzero(np.asarray(flat.is_valid()))
    own = table.column(time)
    rows = np.repeat(np.arange(len(table)), np.diff(ends))[known]
    told = Column(FUTURE_TIMES, pa.chunked_array([flat.drop_null()]), table.rows[rows], own.source)
    reach = times_of(own).copy()
    if len(known):
        # One that is none has its own time, and asks for no cell of another kind.
        ranks = np.searchsorted(known, last[last >= 0])
        reach[last >= 0] = _alike(times_of(told), reach.dtype, told)[ranks]
    return reach


def _alike(times: np.ndarray, kind: np.dtype, column: Column) -> np.ndarray:
    """Refuses times that cannot be compared with others of a kind."""
    if times.dtype.kind != kind.kind:
        raise DataError(
            f"column '{column.name}' of {column.source}: the times are of another kind than those of "
            f"the windows. Received {column.type}."
        )
    return times
