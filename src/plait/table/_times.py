"""A column as points in time, and times as a config gives them."""

from datetime import date, datetime
from typing import Any

import numpy as np
import pyarrow as pa

from plait.errors import ConfigError, DataError
from plait.table._column import Column


def times_of(column: Column) -> np.ndarray:
    """The column as float64 numbers or datetime64[us]."""
    missing = column.is_missing()
    if missing.any():
        raise DataError(
            f"{column.where(int(np.flatnonzero(missing)[0]))}: a table that is cut by time needs "
            "the time of every row. This cell is empty."
        )
    values = column.values
    if pa.types.is_integer(values.type) or pa.types.is_floating(values.type):
        return values.to_numpy().astype("float64")
    if pa.types.is_temporal(values.type):
        return values.cast(pa.timestamp("us")).to_numpy().astype("datetime64[us]")
    texts = values.to_pylist()
    found = np.empty(len(texts), "datetime64[us]")
    for i, text in enumerate(texts):
        try:
            found[i] = np.datetime64(datetime.fromisoformat(str(text)), "us")
        except ValueError as error:
            raise DataError(
                f"{column.where(i)}: expected a number, a date or an ISO time such as "
                f"2026-01-31T12:00. Received: {text!r}."
            ) from error
    return found


def as_time(value: Any, kind: np.dtype, name: str) -> Any:
    try:
        if kind.kind == "f":
            return float(value)
        if isinstance(value, datetime | date):
            return np.datetime64(value, "us")
        return np.datetime64(datetime.fromisoformat(str(value)), "us")
    except (TypeError, ValueError) as error:
        wanted = "a number" if kind.kind == "f" else "a date such as 2026-01-31"
        raise ConfigError(f"Split: after {name} expected {wanted}. Received: {value!r}.") from error


def at_share(times: np.ndarray, share: float) -> Any:
    """The earliest time that starts the rows after the first `share` of them."""
    ordered = np.sort(times)
    return ordered[min(int(np.ceil(share * len(ordered))), len(ordered) - 1)]
