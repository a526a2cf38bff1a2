"""A long table's rows as the steps of series: whole, in order, each time once."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from plait.errors import ConfigError, DataError
from plait.table._codes import Codes
from plait.table._table import Table
from plait.table._times import times_of

_SECOND = 1_000_000
"""In the microseconds of times."""
_ROOM, _MOST_ROOM = 1e-6, 0.01
"""Of a step: how far from its place a number may lie for each step before it, and at most."""
_UNITS = {"s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
_DISTANCE = re.compile(r"(\d+(?:\.\d+)?)\s*(s|min|h|d)")
_MOST_GAPS = 100
"""Steps for each row, in the mean: more are likely a wrong `step`."""


@dataclass(frozen=True)
class InTime:
    """Some series' steps, one series after the other.

    Attributes:
        rows: `(steps,)`, the row of the table that each step is; -1 for one that has none.
        starts: `(series + 1,)`, where each series begins; at last, how many steps there are.
        times: `(rows,)`, the time of each row of the table; int64 microseconds, or float64 numbers.
        step: the distance of two steps, likewise; None where the next row is the next step.
    """

    rows: np.ndarray
    starts: np.ndarray
    times: np.ndarray
    step: float | None = None

    @classmethod
    def of(cls, table: Table, time: str, by: Sequence[str], step: float | None) -> Self:
        """The rows by their series and times.

        Args:
            table: one step a row, in any order.
            time: the column of times.
            by: the columns that tell the series apart.
            step: the distance of two steps, in seconds, or in the column's numbers; between rows that
                are farther apart are steps without a row. None: the next row is the next step.

        Raises:
            DataError: an empty time or name of a series, a time that stands twice in a series or is
                no whole number of steps after its first.
        """
        column = table.column(time)
        times = times_of(column)
        if times.dtype.kind != "f":
            times = times.astype("int64")
            step = None if step is None else step * _SECOND
        series = np.zeros(len(table), "int64")
        for name in by:
            codes = Codes.of(table.column(name))
            nameless = np.flatnonzero(codes.places < 0)
            if len(nameless):
                raise DataError(
                    f"{table.column(name).where(int(nameless[0]))}: which series the row is of is "
                    "not known. Fill the cell, or leave the row out."
                )
            series = np.unique(series * len(codes.values) + codes.places, return_inverse=True)[1]
        order = np.lexsort((times, series))
        same = np.diff(series[order]) == 0
        twice = np.flatnonzero(same & (np.diff(times[order]) == 0))
        if len(twice):
            first, second = order[twice[0]], order[twice[0] + 1]
            raise DataError(
                f"{column.where(int(second))}: the time {column.cell(int(second))} is also that of "
                f"row {table.rows[first]}"
                f"{' of the same series' if by else ''}. Each time may stand once"
                + (
                    "."
                    if by
                    else "; if the table holds several series, name the column that tells them apart "
                    "in Windows(by=...)."
                )
            )
        starts = np.concatenate([[0], np.flatnonzero(~same) + 1, [len(order)]])
        if step is None:
            return cls(order, starts, times)
        return cls._on_grid(table, time, order, times, starts, step)

    @classmethod
    def _on_grid(
        cls,
        table: Table,
        time: str,
        order: np.ndarray,
        times: np.ndarray,
        starts: np.ndarray,
        step: float,
    ) -> Self:
        series = np.repeat(np.arange(len(starts) - 1), np.diff(starts))
        ordered = times[order]
        place, off = _places(ordered - ordered[starts[:-1]][series], step)
        # Of two rows at one place the first would be lost.
        off[1:] |= (np.diff(place) == 0) & (np.diff(series) == 0)
        if off.any():
            raise DataError(
                f"{table.column(time).where(int(order[np.argmax(off)]))}: the time is no whole number "
                "of steps after the series' first. Choose another Windows(step=...), or leave it out: "
                "the next row is the next step then."
            )
        sizes = place[starts[1:] - 1] + 1
        if sizes.sum() > _MOST_GAPS * len(order):
            raise DataError(
                f"{table.name}: with that step, Windows would make {sizes.sum()} steps of "
                f"{len(order)} rows. Choose a longer Windows(step=...)."
            )
        ends = np.concatenate([[0], np.cumsum(sizes)])
        rows = np.full(ends[-1], -1)
        rows[ends[series] + place] = order
        return cls(rows, ends, times, step)

    @property
    def sizes(self) -> np.ndarray:
        """`(series,)`, how many steps each has."""
        return np.diff(self.starts)


def _places(since: np.ndarray, step: float) -> tuple[np.ndarray, np.ndarray]:
    """How many steps after the first each row is, and which rows lie beside such a place.

    Args:
        since: `(rows,)`, the times after the series' first; int64 microseconds, or numbers.
        step: likewise.
    """
    if since.dtype.kind == "i" and round(step) and abs(step - round(step)) < _ROOM:
        place, beside = np.divmod(since, round(step))
        return place, beside > 0
    exact = since / step
    place = np.round(exact).astype("int64")
    # Times are rounded to microseconds, and 0.1 to a neighbour of it, which adds up.
    room = np.minimum(_ROOM * np.maximum(1, exact), _MOST_ROOM)
    if since.dtype.kind == "i":
        room = np.maximum(room, min(1 / step, _MOST_ROOM))
    return place, np.abs(exact - place) > room


def seconds_of(step: Any) -> float | None:
    """A distance in time, in seconds, or in the numbers of a column of numbers.

    Raises:
        ConfigError: neither a number above 0 nor a time such as "15min".
    """
    if step is None:
        return None
    said = _DISTANCE.fullmatch(step.strip()) if isinstance(step, str) else None
    if said is not None:
        number = float(said[1]) * _UNITS[said[2]]
    else:
        number = float(step) if isinstance(step, int | float) else 0.0
    if not number > 0 or isinstance(step, bool):
        raise ConfigError(
            "Windows: step is a number above 0, or a time such as '30s', '15min', '1h' or '1d'. "
            f"Received: {step!r}.",
            ("step",),
        )
    return number
