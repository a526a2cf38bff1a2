"""A long table, one step a row, as one row for each series, or for each window of it."""

import warnings
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from plait._ranges import demand_whole
from plait.errors import ConfigError, DataError
from plait.table._in_time import InTime, seconds_of
from plait.table._mostly_numbers import refuse_mostly_numbers
from plait.table._split import PARTS
from plait.table._step_lists import lists_of
from plait.table._step_times import times_lists
from plait.table._table import Table
from plait.table._window_parts import counted_parts, said_parts

HISTORY, FUTURE = "history", "future"
HISTORY_TIMES, FUTURE_TIMES = "history_times", "future_times"
_SPLIT = "split"


@dataclass(frozen=True, kw_only=True)
class Windows:
    """Makes rows of series out of a long table: what was until a step, and what came after it.

    A row of the result has the columns

    - `history`, a record of lists, each a value's last steps, and `future`, likewise, of the steps
      that follow, if there is a horizon;
    - `history_times`, a list of the times of the history's steps, and `future_times`, likewise; a
      step without a row has the time of its place, if `step` says how far apart steps are;
    - all that are no values, such as `time` and those of `by`, as they are at the history's last step.

    Rows are brought into the order of time. A table that has a column `history` is of windows
    already, and passes as it is.

    Args:
        time: the column of each row's time: numbers, dates or times.
        by: the columns that tell the series apart, such as a station; one series if None.
        values: the columns that become lists; if None, those of numbers that are named nowhere else.
        history: steps of a history; if None, each series is one row, and its history is all but its
            last `horizon` steps.
        horizon: steps that follow; 0 for no column `future`.
        every: a window begins so many steps after the one before.
        step: the distance of two steps: a number, or a time such as "15min" or "1h"; steps between
            rows that are farther apart are gaps. If None, the next row is the next step.
        parts: which part of the split a window is in: the column that says so of each step, or how
            many steps of each series train, choose and test, in this order, which the column `split`
            says then. A window whose future lies in two parts, or in none, is left out; its history
            may lie in an earlier one. Without a horizon the part is that of the history's last step.

    Raises:
        ConfigError: an argument that cannot be.

    Example:
        Windows(time="datetime", by="station", history=24, horizon=6).of(table)
    """

    time: str
    by: str | tuple[str, ...] | None = None
    values: tuple[str, ...] | None = None
    history: int | None = None
    horizon: int = 0
    every: int = 1
    step: float | str | None = None
    parts: str | tuple[int, int, int] | None = None

    def __post_init__(self) -> None:
        if self.history is not None:
            demand_whole("Windows", history=self.history)
        demand_whole("Windows", least=0, horizon=self.horizon)
        demand_whole("Windows", every=self.every)
        seconds_of(self.step)
        if isinstance(self.parts, tuple | list):
            if len(self.parts) != len(PARTS):
                raise ConfigError(
                    "Windows: parts is a column, or how many steps train, choose and test, such as "
                    f"[800, 100, 100]. Received: {self.parts!r}.",
                    ("parts",),
                )
            for count in self.parts:
                demand_whole("Windows", least=0, parts=count)
        if self.values is not None and not self.values:
            raise ConfigError("Windows: values are the columns that become lists. Received none.")

    @property
    def names(self) -> tuple[str, ...]:
        """The columns that name a window: its series, and the time of its history's last step."""
        return (*((self.by,) if isinstance(self.by, str) else self.by or ()), self.time)

    @property
    def part(self) -> str | None:
        """The column of the windows that says which part each is in; None for no parts."""
        return self.parts if self.parts is None or isinstance(self.parts, str) else _SPLIT

    @property
    def overlap(self) -> bool:
        """Whether what one window is asked for may be what another has learnt, or read."""
        return bool(
            self.horizon and self.history is not None and self.every < self.history + self.horizon
        )

    def fitting(self, table: Table) -> "Windows":
        """The same for a table that has no column of parts: all of it is of one then."""
        gone = isinstance(self.parts, str) and self.parts not in table
        return replace(self, parts=None) if gone else self

    def of(self, table: Table, ahead: bool = False, parted: bool = True) -> Table:
        """The windows of a table, series after series; a row has the number of its last step's row.

        Args:
            table: one step a row, in any order.
            ahead: whether the last steps of each series are a window, too, whose future is not known
                (without a length of history the only one), and none is left out for its part.
            parted: whether a window that is in no one part is left out; else its part is empty.

        Raises:
            DataError: a column that is not there, has no numbers, some texts among its numbers, or is
                called as one of the result; a time that is empty or stands twice; no series that is
                long enough.
        """
        if HISTORY in table:
            return table
        values = self._values(table)
        steps = InTime.of(table, self.time, self.names[:-1], seconds_of(self.step))
        first, now, end = self._bounds(table, steps, ahead)
        part, split = self.part, self._split(table, steps, now, end)
        if split is not None and parted and not ahead:
            kept = split.is_valid()
            if not kept.true_count:
                what = f"future of {self.horizon} steps" if self.horizon else "last step"
                raise DataError(f"{table.name}: no window's {what} lies in one part.")
            split = split.filter(kept)
            first, now, end = (steps_of[np.asarray(kept)] for steps_of in (first, now, end))
        # A step of the grid may have no row: then the window is told by the last one that has.
        last = np.maximum.accumulate(np.where(steps.rows >= 0, np.arange(len(steps.rows)), 0))
        rows = steps.rows[last[now - 1]]
        scalars = [c for c in table.columns if c not in values]
        self._check_names(table, scalars)
        columns = {name: table.column(name).take(rows).values for name in scalars}
        columns[HISTORY] = lists_of(table, values, steps, first, now - first)
        times = table.column(self.time)
        columns[HISTORY_TIMES] = times_lists(times, steps, first, now - first)
        if self.horizon:
            future = (now, np.full(len(now), self.horizon), end)
            columns[FUTURE] = lists_of(table, values, steps, *future)
            columns[FUTURE_TIMES] = times_lists(times, steps, *future)
        if part is not None and split is not None:
            columns[part] = split
        return Table(pa.table(columns), table.name, table.root, table.rows[rows])

    def _values(self, table: Table) -> tuple[str, ...]:
        named = {*self.names, *([self.parts] if isinstance(self.parts, str) else [])}
        for name in (*named, *(self.values or ())):
            table.column(name)
        if self.values is not None:
            wrong = [name for name in self.values if name in named or not _is_number(table, name)]
            if wrong:
                raise DataError(
                    f"column '{wrong[0]}' of {table.name}: Windows makes lists of columns of numbers "
                    f"that are no name, time or part. Received {table.column(wrong[0]).type}."
                )
            return tuple(self.values)
        others = [c for c in table.columns if c not in named]
        for name in others:
            refuse_mostly_numbers(table.column(name))
        found = tuple(c for c in others if _is_number(table, c))
        if not found:
            raise DataError(f"{table.name} has no column of numbers to make series of.")
        return found

    def _check_names(self, table: Table, scalars: list[str]) -> None:
        made = {HISTORY_TIMES, *([FUTURE, FUTURE_TIMES] if self.horizon else [])}
        made |= {_SPLIT} if isinstance(self.parts, tuple | list) else set()
        for name in scalars:
            if name in made:
                raise DataError(
                    f"{table.name} has a column '{name}', as Windows calls one that it makes. Give "
                    "it another name."
                )

    def _bounds(
        self, table: Table, steps: InTime, ahead: bool
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Of each window: its first step, the first of its future, and the end of its series."""
        first, now, end = [], [], []
        short = 0
        least = (self.history or 1) + self.horizon
        for start, stop in zip(steps.starts[:-1], steps.starts[1:], strict=True):
            if self.history is None:
                whole = stop - start >= least
                stops = [stop - self.horizon] if whole and not ahead else [stop] if ahead else []
                begins = [start] * len(stops)
            else:
                stops = list(range(start + self.history, stop - self.horizon + 1, self.every))
                if ahead and self.horizon and stop - start >= self.history:
                    stops.append(stop)
                begins = [at - self.history for at in stops]
            short += not stops
            first += begins
            now += stops
            end += [stop] * len(stops)
        if not now:
            future = f", and {self.horizon} of a future" if self.horizon else ""
            raise DataError(
                f"{table.name}: no series is long enough: {self.history or 1} steps of a history"
                f"{future} are asked for, and the longest has {steps.sizes.max()}. Choose a shorter "
                "history or horizon, or check Windows(by=...)."
            )
        if short:
            warnings.warn(
                f"{table.name}: {short} of {len(steps.sizes)} series have fewer than the "
                f"{least} steps of a window, and give none.",
                stacklevel=3,
            )
        return np.array(first), np.array(now), np.array(end)

    def _split(
        self, table: Table, steps: InTime, now: np.ndarray, end: np.ndarray
    ) -> pa.Array | None:
        """The part of each window; None where the table's own column says it, or nothing does."""
        if self.parts is None:
            return None
        if not isinstance(self.parts, str):
            return counted_parts(self.parts, steps, now, end, self.horizon)
        column = table.column(self.parts)
        return said_parts(column, steps, now, end, self.horizon) if self.horizon else None


def table_of(
    source: Any,
    root: str | Path | None = None,
    windows: Windows | None = None,
) -> Table:
    """Reads a table, and makes its windows if there are to be any.

    Args:
        source: whatever `Table.read` takes.
        root: the folder that media paths are relative to; the files' own if None.
        windows: how they are made; None for none.

    Raises:
        DataError: see `Table.read` and `Windows.of`.
    """
    table = Table.read(source, root)
    return table if windows is None else windows.of(table)


def _is_number(table: Table, name: str) -> bool:
    kind = table.column(name).type
    return bool(
        pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)
    )
