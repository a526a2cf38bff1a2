"""A date or a time."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self, get_args

import keras
import numpy as np
import pyarrow as pa

from plait.encoders import Encoder, NumberEmbedding
from plait.errors import ConfigError, DataError
from plait.features._cells import broken_cells, empty_column, plain
from plait.features._clock import Cycle, cycles_in, is_zone, on_wall, parsed, phases
from plait.features._feature import ArraySpec, Encoded, Feature
from plait.features._standard import moments, standardised
from plait.table import Column

# Sines, cosines and the standardised time of rows that are spread evenly lie in here.
_BINS = tuple(np.linspace(-1.75, 1.75, 15).tolist())


@dataclass(frozen=True, kw_only=True)
class Date(Feature):
    """A date, or a time with its date: how late it is, and where in the year, month, week and day.

    How late is one number, standardised by the training rows. Each cycle is a sine and a cosine, so
    that December lies beside January and midnight beside 23:59. A cycle that is not gone through in the
    training rows, or in which they do not differ (dates have no time of day), is left out: nothing of
    it could be told from how late it is.

    Cells are dates, timestamps, or ISO texts such as 2026-01-31 and 2026-01-31T12:00+01:00. Years,
    weeks and days are those of the clock in `zone`.

    Args:
        zone: a time zone such as "Europe/Berlin". Times that say their zone or offset are brought to
            it; others are taken to be of it. If None, the zone of the training column's type, else UTC.
        cycles: some of "year", "month", "week" and "day"; chosen by the training rows if None.
        trend: whether it is read how late it is. Rows that are later than all training rows lie beyond
            what was learnt of it: where they are split in time, the cycles alone may serve better.
        column, missing, encoder, tied, on_error: see `Feature`. The encoder is one of numbers.

    Raises:
        ConfigError: an unknown zone or cycle; neither a trend nor cycles.

    Example:
        Date(zone="Europe/Berlin")
    """

    modality: ClassVar[str] = "number"

    zone: str | None = None
    cycles: tuple[Cycle, ...] | None = None
    trend: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.zone is not None and not is_zone(self.zone):
            raise ConfigError(
                f"Date: zone is the name of a time zone, such as 'Europe/Berlin'. Received: "
                f"{self.zone!r}."
            )
        for cycle in self.cycles or ():
            if cycle not in get_args(Cycle):
                choices = ", ".join(map(repr, get_args(Cycle)))
                raise ConfigError(f"Date: cycles are some of {choices}. Received: {cycle!r}.")
        if not self.trend and self.cycles is not None and not self.cycles:
            raise ConfigError(
                "Date: cycles are one at least where trend is false; nothing is read else. "
                "Received: ()."
            )

    def fit(self, column: Column) -> Self:
        kind = column.type
        zone = self.zone or (kind.tz if pa.types.is_timestamp(kind) else None)
        times, present, reasons = self._times(column, zone)
        broken_cells(column, reasons, self.on_error)
        if not present.any():
            raise empty_column(column)
        times = times[present]
        mean, std = moments(times.astype("int64").astype("float64"))
        cycles = cycles_in(times) if self.cycles is None else self.cycles
        if not (cycles or self.trend):
            raise DataError(
                f"column '{column.name}' of {column.source}: Date(trend=False) reads cycles alone, and "
                "the training rows go through none. Name some in Date(cycles=...), or leave trend out."
            )
        state = {"zone": zone, "mean": mean, "std": std, "cycles": list(cycles)}
        return replace(self, state=state)

    @property
    def spec(self) -> ArraySpec:
        return ArraySpec((int(self.trend) + 2 * len(self.learnt["cycles"]),), "float32")

    @property
    def for_encoder(self) -> Mapping[str, Any]:
        """`bins`: rising values, as encoded, that part each channel evenly."""
        return {"bins": _BINS}

    def encode(self, column: Column) -> Encoded:
        state = self.learnt
        times, present, reasons = self._times(column, state["zone"])
        broken = broken_cells(column, reasons, self.on_error)
        late = times.astype("int64").astype("float64")
        channels = [standardised(late, state["mean"], state["std"])] if self.trend else []
        for cycle in state["cycles"]:
            angles = 2 * np.pi * phases(times, cycle)
            channels += [np.sin(angles), np.cos(angles)]
        values = np.where(present[:, None], np.stack(channels, axis=1), 0.0)
        return Encoded(values.astype("float32"), present, broken=broken)

    def scaling(self) -> keras.layers.Layer | None:
        return None

    def default_encoder(self, width: int) -> Encoder:
        return NumberEmbedding(width)

    def _times(
        self, column: Column, zone: str | None
    ) -> tuple[np.ndarray, np.ndarray, dict[int, str]]:
        """The cells as datetime64[s], which can be read, and why others cannot be."""
        column = plain(column)
        there = np.flatnonzero(~column.is_missing(self.missing))
        values, kind = column.values.take(pa.array(there)), column.type
        times, present = np.zeros(len(column), "datetime64[s]"), np.zeros(len(column), bool)
        wrong: list[int] = []
        if pa.types.is_string(kind):
            # Days come back: of each text one is read.
            encoded = values.combine_chunks().dictionary_encode()
            codes = encoded.indices.to_numpy()
            texts = encoded.dictionary.to_pylist()
            found, odd = parsed(texts, zone)
            times[there] = found[codes]
            wrong = there[np.isin(codes, odd)].tolist()
        elif pa.types.is_date(kind) or pa.types.is_timestamp(kind):
            times[there] = on_wall(values, zone)
        elif not pa.types.is_null(kind):
            raise DataError(
                f"column '{column.name}' of {column.source}: Date expects dates, times with their "
                f"dates, or ISO texts such as 2026-01-31T12:00. Received {kind}. For numbers, and "
                "times of day alone, declare Number()."
            )
        present[there] = True
        present[wrong] = False
        return times, present, {place: self._reason(column.cell(place)) for place in wrong}

    def _reason(self, text: str) -> str:
        return (
            "Date expects ISO dates and times, such as 2026-01-31 and 2026-01-31T12:00. Received "
            f"{text!r}. If it means missing, declare Date(missing={json.dumps([text])})."
        )
