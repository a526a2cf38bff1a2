"""Columns beside a series: further variables, and the time of each step."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from plait.errors import DataError
from plait.features._cells import plain
from plait.features._number import seconds
from plait.features._series_cells import SeriesCells, is_list
from plait.table import Column


@dataclass(frozen=True)
class Times:
    """When the steps of some series were.

    Attributes:
        moments: `(steps,)` float64, rising within a row; None where a step is as long as another.
    """

    moments: np.ndarray | None = None

    @classmethod
    def read(cls, column: Column, series: SeriesCells, name: str) -> Self:
        """Reads the lists of times beside series.

        Raises:
            DataError: no lists of numbers, dates or times, one time too few or too many, an empty
                one, one that does not lie after the one before.
        """
        cells = plain(column).values.combine_chunks()
        if not (is_list(cells.type) and _is_ordered(cells.type.value_type)):
            raise DataError(
                f"column '{name}' of {column.source}: Series expects a list of times. Received "
                f"{cells.type}."
            )
        sizes = np.asarray(pc.fill_null(pc.list_value_length(cells), 0))
        odd = np.flatnonzero((sizes != series.sizes) & series.present)
        column = Column(name, column.values, column.rows, column.source, column.root)
        if len(odd):
            row = int(odd[0])
            raise DataError(
                f"{column.where(row)}: the series is ragged: it has {series.sizes[row]} steps and "
                f"{sizes[row]} times."
            )
        flat = cells.filter(pa.array(series.present)).flatten()
        # An absent row's steps have no time, and need none.
        moments = np.zeros(len(series.values))
        read = series.present[series.rows]
        if flat.null_count:
            row = series.rows[read][int(np.argmax(np.asarray(flat.is_null())))]
            raise DataError(f"{column.where(row)}: the time of a step is empty.")
        moments[read] = _as_seconds(flat)
        same = np.diff(series.rows) == 0
        wrong = np.flatnonzero(same & read[1:] & ~(np.diff(moments) > 0))
        if len(wrong):
            step = int(wrong[0])
            row = series.rows[step]
            first = series.starts[row]
            before, after = (cells[int(row)][step - first + n].as_py() for n in (0, 1))
            fault = (
                f"has the time {after} twice" if before == after else f"has {after} after {before}"
            )
            raise DataError(
                f"{column.where(row)}: the series is not in the order of time: it {fault}. Order "
                "the steps by time, one for each."
            )
        return cls(moments)

    def distance(self, series: SeriesCells) -> float:
        """The median time from one step to the next; 1 where there are no times."""
        if self.moments is None:
            return 1.0
        apart = np.diff(self.moments)[(np.diff(series.rows) == 0) & series.present[series.rows[1:]]]
        return float(np.median(apart)) if len(apart) else 1.0

    def since_last(self, series: SeriesCells) -> np.ndarray:
        """`(steps, variables)`: the time from the last known value before a step.

        Where there is none, from the row's first step; the first step itself has 0.
        """
        steps = np.arange(len(series.values))
        moments = steps.astype("float64") if self.moments is None else self.moments
        known = np.where(np.isnan(series.values), -1, steps[:, None])
        last = np.maximum.accumulate(known, axis=0)
        before = np.concatenate([np.full((1, last.shape[1]), -1), last[:-1]])[: len(steps)]
        first = series.starts[series.rows][:, None]
        since: np.ndarray = moments[:, None] - moments[np.maximum(before, first)]
        return since


def beside_times(column: Column, times: Column) -> Column:
    """One column of both: a record of a series and its times; empty where the series is."""
    series = column.values.combine_chunks()
    both = pa.StructArray.from_arrays(
        [series, times.values.combine_chunks()], ["series", "times"], mask=series.is_null()
    )
    return column.with_values(pa.chunked_array([both]))


def list_columns(columns: Sequence[Column]) -> Column:
    """One column of records of lists, a field for each; empty where all of them are.

    Raises:
        DataError: a column that holds no lists.
    """
    for column in columns:
        if not (is_list(column.type) or pa.types.is_null(column.type)):
            raise DataError(
                f"column '{column.name}' of {column.source}: Series expects a list of numbers in "
                f"each of its columns. Received {column.type}."
            )
    cells = [column.values.combine_chunks() for column in columns]
    nothing = np.logical_and.reduce([np.asarray(c.is_null()) for c in cells])
    names = [column.name for column in columns]
    both = pa.StructArray.from_arrays(cells, names, mask=pa.array(nothing))
    first = columns[0]
    return Column(" + ".join(names), pa.chunked_array([both]), first.rows, first.source, first.root)


def _is_ordered(kind: pa.DataType) -> bool:
    return bool(
        pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_temporal(kind)
    )


def _as_seconds(times: pa.Array) -> np.ndarray:
    kind = times.type
    if pa.types.is_date(kind) or pa.types.is_timestamp(kind):
        times = seconds(times, pa.timestamp("us"))
    elif pa.types.is_time(kind):
        times = seconds(times, pa.time64("us"))
    elif pa.types.is_duration(kind):
        times = seconds(times, pa.duration("us"))
    return np.asarray(times.cast(pa.float64(), safe=False))
