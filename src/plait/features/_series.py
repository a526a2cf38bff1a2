"""A series in time."""

import math
from dataclasses import dataclass, replace
from typing import ClassVar, Self

import keras
import numpy as np
import pyarrow as pa

from plait._ranges import demand_whole
from plait.encoders import Encoder, SeriesConv
from plait.errors import ConfigError, DataError
from plait.features._cells import empty_column, plain
from plait.features._feature import ArraySpec, Encoded, Feature
from plait.features._series_cells import SeriesCells, read_series
from plait.features._series_times import Times, beside_times, list_columns
from plait.features._standard import FARTHEST, moments
from plait.table import Column, Table

# An even pick of the rows: more of them would hardly move a mean.
_MOST_ROWS_READ = 20_000
CHANNELS = 3
"""Of a variable: its value, whether it is known, how long ago the last known one was."""


@dataclass(frozen=True, kw_only=True)
class Series(Feature):
    """A series of one variable or several, with gaps in it.

    A cell is a list of numbers, one variable; a list of lists, the values of the variables step
    after step; a list of records, likewise, with names; or a record of lists, one a variable. A null
    or NaN in it is a gap. Long tables, one step a row, become such cells by `Windows`.

    A step is an array of `3 · variables` numbers: the values, standardised by the training rows and
    0 in a gap; 1 for each value that is known and 0 for each gap; and for each variable log(1 + t),
    t the time from its last known value before this step, or from the series' first step where there
    is none. Steps stand at the beginning of the array, padding follows.

    A series without a value, such as an empty list, is absent. A number in it that is infinite, and
    variables of unlike lengths, are errors whatever `on_error` says.

    Args:
        columns: several columns, each a list of one variable's numbers, in the place of `column`.
        variables: which of the named variables are read, in this order; all of them if None.
        times: a column of lists beside it, the time of each step: numbers, dates or times, which
            rise. The unit of t is then their median distance in the training rows; without, a step.
        max_steps: the most steps of one row; of a longer one the last are read. If the training
            rows' 99th percentile is lower, that is the limit.
        missing: numbers, as text, that mean a gap, such as "-200".
        column, encoder, tied, on_error: see `Feature`.

    Raises:
        ConfigError: an argument that cannot be.

    Example:
        Series(column="history", variables=["PM2.5", "TEMP"])

    References:
        Z. Che, S. Purushotham, K. Cho, D. Sontag, Y. Liu, "Recurrent Neural Networks for Multivariate
        Time Series with Missing Values", 2018: the mask and the time since the last value, of which
        the logarithm is taken here.
    """

    modality: ClassVar[str] = "series"

    columns: tuple[str, ...] | None = None
    variables: tuple[str, ...] | None = None
    times: str | None = None
    max_steps: int = 512

    def __post_init__(self) -> None:
        super().__post_init__()
        demand_whole("Series", most=2**16, max_steps=self.max_steps)
        for name in ("columns", "variables"):
            given = getattr(self, name)
            if given is not None and not (given and len(set(given)) == len(given)):
                raise ConfigError(f"Series: {name} are names, each once. Received: {given!r}.")
        if self.columns is not None and self.column is not None:
            raise ConfigError("Series: one of column and columns. Received both.")

    def reads(self, name: str) -> tuple[str, ...]:
        own = self.columns or super().reads(name)
        return own if self.times is None else (*own, self.times)

    def cells(self, name: str, table: Table) -> Column:
        column = (
            super().cells(name, table)
            if self.columns is None
            else list_columns([table.column(one) for one in self.columns])
        )
        return column if self.times is None else beside_times(column, table.column(self.times))

    def fit(self, column: Column) -> Self:
        there = np.flatnonzero(~column.is_missing())
        if len(there) > _MOST_ROWS_READ:
            there = there[np.linspace(0, len(there) - 1, _MOST_ROWS_READ).astype("int64")]
        if not len(there):
            raise empty_column(column)
        found, times = self._read(column.take(there))
        if not found.present.any():
            raise empty_column(column)
        known = [values[~np.isnan(values)] for values in found.values.T]
        # A variable that no row knows is a gap throughout.
        scales = [moments(values) if len(values) else (0.0, 1.0) for values in known]
        longest = math.ceil(np.quantile(found.sizes[found.present], 0.99))
        state = {
            "names": None if found.names is None else list(found.names),
            "mean": [mean for mean, _ in scales],
            "std": [std for _, std in scales],
            "length": min(longest, self.max_steps),
            "unit": times.distance(found),
        }
        return replace(self, state=state)

    @property
    def spec(self) -> ArraySpec:
        shape = (self.learnt["length"], CHANNELS * len(self.learnt["mean"]))
        return ArraySpec(shape, "float32", lengths=True)

    def encode(self, column: Column) -> Encoded:
        state = self.learnt
        found, times = self._read(column)
        length = state["length"]
        values = np.zeros((len(column), *self.spec.shape), "float32")
        sizes, rows = found.sizes, found.rows
        place = np.arange(len(rows)) - found.starts[rows]
        # Of a series that is too long its end tells most.
        place -= np.maximum(sizes - length, 0)[rows]
        kept = (place >= 0) & found.present[rows]
        known = ~np.isnan(found.values)
        scaled = (np.where(known, found.values, 0.0) - state["mean"]) / np.array(state["std"])
        scaled = np.where(known, np.clip(scaled, -FARTHEST, FARTHEST), 0.0)
        since = np.log1p(times.since_last(found) / state["unit"])
        channels = np.concatenate([scaled, known, since], axis=1)
        values[rows[kept], place[kept]] = channels[kept]
        lengths = np.where(found.present, np.minimum(sizes, length), 0).astype("int32")
        return Encoded(values, found.present, lengths, cut=found.present & (sizes > length))

    def scaling(self) -> keras.layers.Layer | None:
        return None

    def default_encoder(self, width: int) -> Encoder:
        return SeriesConv(width)

    def last_values(self, column: Column) -> np.ndarray:
        """`(rows, variables)`, the last known value of each, on the user's scale; NaN for none."""
        found, _ = self._read(column)
        steps = np.where(np.isnan(found.values), -1, np.arange(len(found.values))[:, None])
        last = np.maximum.accumulate(np.concatenate([np.full((1, steps.shape[1]), -1), steps]))
        # What is before a row's first step is another row's.
        last = last[found.starts[1:]]
        last[last < found.starts[:-1, None]] = -1
        values = np.concatenate([found.values, np.full((1, steps.shape[1]), np.nan)])
        known: np.ndarray = np.take_along_axis(values, last, axis=0)
        return known

    def steps(self, column: Column) -> np.ndarray:
        """`(steps, variables)` of the first row, on the user's scale; NaN in gaps."""
        found, _ = self._read(column)
        return found.values[found.starts[0] : found.starts[1]]

    def _read(self, column: Column) -> tuple[SeriesCells, Times]:
        count = None if self.state is None else len(self.state["mean"])
        chosen = self.variables
        if chosen is None and self.state is not None and self.state["names"] is not None:
            chosen = tuple(self.state["names"])
        if self.times is None:
            return read_series(column, chosen, count, self.missing), Times()
        cells = plain(column).values.combine_chunks()
        if pa.types.is_null(cells.type):
            return read_series(column, chosen, count, self.missing), Times()
        if not pa.types.is_struct(cells.type):
            raise DataError(
                f"column '{column.name}' of {column.source}: Series expects each cell beside its "
                f"times, as `cells` gives them. Received {cells.type}."
            )
        series, times = (pa.chunked_array([part]) for part in cells.flatten())
        found = read_series(column.with_values(series), chosen, count, self.missing)
        return found, Times.read(column.with_values(times), found, self.times)
