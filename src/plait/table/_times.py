"""Parts in time: the oldest rows train, the newest test."""

import re
from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any

import numpy as np
import pyarrow as pa

from plait.errors import ConfigError, DataError
from plait.table._column import Column
from plait.table._parts import Parts


def cut_in_time(column: Column, cuts: Any, fractions: Sequence[float]) -> Parts:
    """The rows before, between and after two times. Equal times are never parted.

    Args:
        column: each row's time: a number, a date or a time.
        cuts: where the test part starts, or where validation and test start, or None to place both
            by `fractions`.
        fractions: the shares of training, validation and test rows.

    Raises:
        ConfigError: cuts of another kind than the column, of another number, or out of order.
        DataError: a missing time, one that cannot be read, or nothing left to train on.
    """
    times = times_of(column)
    train, validation, test = fractions
    if cuts is None:
        second = _at_share(times, train + validation) if test > 0 else None
        return _cut(column, times, _at_share(times, train), second)
    cuts = list(cuts) if isinstance(cuts, list | tuple) else [cuts]
    if len(cuts) not in (1, 2):
        raise ConfigError(
            f"Split: after {column.name} takes one value (test) or two (validation, test). "
            f"Received: {cuts}"
        )
    bounds = [_as_time(cut, times.dtype, column.name) for cut in cuts]
    if len(bounds) == 2:
        if bounds[0] > bounds[1]:
            raise ConfigError(
                f"Split: after {column.name} takes the start of validation, then that of test. "
                f"Received {cuts}, where test starts first."
            )
        return _cut(column, times, bounds[0], bounds[1])
    before = times[times < bounds[0]]
    first = _at_share(before, train / (train + validation)) if len(before) else bounds[0]
    return _cut(column, times, bounds[0] if first is None else first, bounds[0])


def times_of(column: Column) -> np.ndarray:
    """The column as float64 numbers or datetime64[us]."""
    missing = column.is_missing()
    if missing.any():
        raise DataError(
            f"{column.where(int(np.flatnonzero(missing)[0]))}: a table that is cut by time needs "
            "the time of every row. This cell is empty."
        )
    values = column.values
    ordered = as_times(values)
    if ordered is not None:
        return ordered
    texts = values.to_pylist()
    # A CSV column such as 0905, 1210 is text, and no form of an ISO time.
    digits = all(re.fullmatch(r"\d+", str(text)) for text in texts)
    if digits and any(str(text).startswith("0") for text in texts):
        return np.array(texts, "float64")
    found = np.empty(len(texts), "datetime64[us]")
    for i, text in enumerate(texts):
        try:
            found[i] = _instant(datetime.fromisoformat(str(text)))
        except ValueError as error:
            raise DataError(
                f"{column.where(i)}: expected a number, a date or an ISO time such as "
                f"2026-01-31T12:00. Received: {str(text)!r}."
            ) from error
    return found


def as_times(values: pa.Array | pa.ChunkedArray) -> np.ndarray | None:
    """Numbers as float64, dates and times as datetime64[us]; None for cells of another kind."""
    if pa.types.is_integer(values.type) or pa.types.is_floating(values.type):
        return np.asarray(values).astype("float64")
    if pa.types.is_timestamp(values.type) or pa.types.is_date(values.type):
        return np.asarray(values.cast(pa.timestamp("us"), safe=False)).astype("datetime64[us]")
    return None


def _as_time(value: Any, kind: np.dtype, name: str) -> Any:
    try:
        if kind.kind == "f":
            return float(value)
        if isinstance(value, datetime):
            return _instant(value)
        if isinstance(value, date):
            return np.datetime64(value, "us")
        return _instant(datetime.fromisoformat(str(value)))
    except (TypeError, ValueError) as error:
        wanted = "a number" if kind.kind == "f" else "a date such as 2026-01-31"
        raise ConfigError(f"Split: after {name} expected {wanted}. Received: {value!r}.") from error


def _instant(time: datetime) -> np.datetime64:
    if time.tzinfo is not None:
        time = time.astimezone(UTC).replace(tzinfo=None)
    return np.datetime64(time, "us")


def _at_share(times: np.ndarray, share: float) -> Any:
    """The time that starts the rows after the first `share` of them; None where none is left."""
    if share >= 1:
        return None
    ordered = np.sort(times)
    # 0.7 + 0.1 is a little less than 0.8: rounding keeps such shares from taking a row too many.
    start = int(np.ceil(round(share * len(ordered), 6)))
    return ordered[min(start, len(ordered) - 1)]


def _cut(column: Column, times: np.ndarray, validation: Any, test: Any) -> Parts:
    """None for a cut: no row comes after it."""
    none = np.zeros(len(times), bool)
    tests = none if test is None else times >= test
    chooses = (none if validation is None else times >= validation) & ~tests
    parts = Parts(*(np.flatnonzero(rows) for rows in (~(chooses | tests), chooses, tests)))
    if not len(parts.train):
        raise DataError(
            f"{column.source}: no '{column.name}' comes before {validation}: nothing is left to "
            "train on."
        )
    return parts
