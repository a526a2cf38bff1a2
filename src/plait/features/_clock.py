"""Times on one clock, and where in its cycles they lie."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Literal
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

Cycle = Literal["year", "month", "week", "day"]

_DAY = 86_400
_SECONDS: dict[Cycle, float] = {
    "year": 365.25 * _DAY,
    "month": 365.25 / 12 * _DAY,
    "week": 7 * _DAY,
    "day": _DAY,
}
# A table of one year ends a day before its year does.
_SPANNED = 0.9
# 1 January 1970 was the fourth day of its week.
_FIRST_WEEKDAY = 3


def phases(times: np.ndarray, cycle: Cycle) -> np.ndarray:
    """How much of a cycle is over, in [0, 1): in whole days, but for the cycle of a day.

    Args:
        times: `(rows,)` datetime64[s], as a clock on the wall shows them.
        cycle: a week begins on Monday; a month and a year are as long as each is.
    """
    days = times.astype("datetime64[D]")
    if cycle == "day":
        return (times - days).astype("int64") / _DAY
    if cycle == "week":
        return (days.astype("int64") + _FIRST_WEEKDAY) % 7 / 7
    unit = "M" if cycle == "month" else "Y"
    begun = days.astype(f"datetime64[{unit}]")
    start, end = (whole.astype("datetime64[D]") for whole in (begun, begun + 1))
    share: np.ndarray = (days - start).astype("int64") / (end - start).astype("int64")
    return share


def cycles_in(times: np.ndarray) -> tuple[Cycle, ...]:
    """The cycles that times go through and differ in, which more of them could repeat."""
    span = float((times.max() - times.min()).astype("int64"))
    return tuple(
        cycle
        for cycle, seconds in _SECONDS.items()
        if span >= _SPANNED * seconds and len(np.unique(phases(times, cycle))) > 1
    )


def on_wall(values: pa.ChunkedArray, zone: str | None) -> np.ndarray:
    """Dates or times as the clock of a zone shows them, `(rows,)` datetime64[s].

    Args:
        values: dates or timestamps, without nulls. A timestamp without a zone is taken as it is.
        zone: that of the clock; UTC if None.
    """
    kind = values.type
    if pa.types.is_timestamp(kind) and kind.tz is not None:
        there = values.cast(pa.timestamp(kind.unit, zone or "UTC"))
        values = pc.local_timestamp(there)
    seconds = pc.cast(values, options=pc.CastOptions(pa.timestamp("s"), allow_time_truncate=True))
    return np.asarray(seconds.cast(pa.int64()).to_numpy()).astype("datetime64[s]")


def parsed(texts: Sequence[str], zone: str | None) -> tuple[np.ndarray, list[int]]:
    """ISO dates and times as the clock of a zone shows them, and the places of what is none.

    Args:
        texts: one with an offset is taken to the zone; one without is read as it is.
        zone: see `on_wall`.

    Returns:
        `(texts,)` datetime64[s], and places in `texts`.
    """
    clock: Any = UTC if zone is None else ZoneInfo(zone)
    found, wrong = np.zeros(len(texts), "datetime64[s]"), []
    for place, text in enumerate(texts):
        try:
            time = datetime.fromisoformat(text.strip())
            if time.tzinfo is not None:
                time = time.astimezone(clock).replace(tzinfo=None)
        except (ValueError, OverflowError):
            wrong.append(place)
            continue
        found[place] = np.datetime64(time, "s")
    return found, wrong


def is_zone(name: str) -> bool:
    """Whether it names a time zone."""
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return False
    return True
