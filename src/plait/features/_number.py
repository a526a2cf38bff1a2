"""A number."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal, Self, get_args

import keras
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from plait.encoders import Encoder, NumberEmbedding
from plait.errors import ConfigError, DataError
from plait.features._cells import empty_column, plain
from plait.features._feature import ArraySpec, Encoded, Feature
from plait.features._standard import moments, standardised
from plait.table import NUMBER, Column

Transform = Literal["log", "quantile"]

_MOST_KNOTS = 1000
_BINS = 32


@dataclass(frozen=True, kw_only=True)
class Number(Feature):
    """A number, a yes or no, a date or a time, standardised by the training rows.

    It is standardised on the host in float64: float32 in the model would tell apart neither two
    neighbouring seconds of a date nor two large amounts. Values beyond 10 standard deviations are
    cut to 10, in what mean and deviation are learnt from as well, so that a few wild values leave
    room for the others. A date or time counts in seconds.

    Args:
        transform: what is done before standardising: "log" takes sign(x) log(1 + |x|), for amounts
            over several orders of magnitude; "quantile" the place among the distinct quantiles
            of the training values, from 0 to 1: one that stands many times is one of them, so that the
            others of a column that is mostly 0 are spread over all of the range, and where none stands
            twice it is the share of values below; None nothing.
        column, missing, encoder, tied, on_error: see `Feature`. A cell that is no finite number is
            an error whatever `on_error` says: `missing` names the texts that mean an empty cell.

    Example:
        Number(missing=["n/a"], transform="log")
    """

    modality: ClassVar[str] = "number"
    mixes: ClassVar[bool] = True

    transform: Transform | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.transform not in (None, *get_args(Transform)):
            raise ConfigError(
                f"Number: transform is 'log', 'quantile' or None. Received: {self.transform!r}."
            )

    def fit(self, column: Column) -> Self:
        values, present = self._numbers(column)
        known = values[present]
        if not len(known):
            raise empty_column(column)
        knots: list[float] = []
        if self.transform == "quantile":
            count = min(_MOST_KNOTS, len(known))
            knots = np.unique(np.quantile(known, np.linspace(0, 1, count))).tolist()
        changed = _changed(known, self.transform, knots)
        mean, std = moments(changed)
        edges = np.quantile(standardised(changed, mean, std), np.linspace(0, 1, _BINS + 1))
        bins = np.unique(edges.astype("float32")).astype(float)
        state = {"mean": mean, "std": std, "knots": knots, "bins": bins.tolist()}
        return replace(self, state=state)

    @property
    def spec(self) -> ArraySpec:
        return ArraySpec((1,), "float32")

    @property
    def for_encoder(self) -> Mapping[str, Any]:
        """`bins`: up to 33 rising values, as encoded, that part the training rows evenly."""
        return {"bins": tuple(self.learnt["bins"])}

    def encode(self, column: Column) -> Encoded:
        state = self.learnt
        values, present = self._numbers(column)
        changed = _changed(values, self.transform, state["knots"])
        scaled = standardised(changed, state["mean"], state["std"])
        return Encoded(np.where(present, scaled, 0.0).astype("float32")[:, None], present)

    def scaling(self) -> keras.layers.Layer | None:
        return None

    def default_encoder(self, width: int) -> Encoder:
        return NumberEmbedding(width)

    def _numbers(self, column: Column) -> tuple[np.ndarray, np.ndarray]:
        """The cells as float64, 0 where absent, and which are there."""
        column = plain(column)
        present = ~column.is_missing(self.missing)
        values, kind = column.values, column.type
        if pa.types.is_string(kind):
            values = self._parsed(column, present)
        elif pa.types.is_date(kind) or pa.types.is_timestamp(kind):
            values = seconds(values, pa.timestamp("us"))
        elif pa.types.is_time(kind):
            values = seconds(values, pa.time64("us"))
        elif pa.types.is_duration(kind):
            values = seconds(values, pa.duration("us"))
        elif pa.types.is_boolean(kind):
            values = values.cast(pa.int8())
        elif not (_is_numeric(kind) or pa.types.is_null(kind)):
            raise DataError(
                f"column '{column.name}' of {column.source}: Number expects numbers. Received "
                f"{kind}."
            )
        numbers = pc.fill_null(values.cast(pa.float64(), safe=False), 0.0).to_numpy()
        numbers = np.where(present, numbers, 0.0)
        infinite = ~np.isfinite(numbers)
        if infinite.any():
            place = int(np.flatnonzero(infinite)[0])
            raise DataError(
                f"{column.where(place)}: Number expects a finite number. Received "
                f"{numbers[place]}. Leave the cell empty if its value is not known."
            )
        return numbers, present

    def _parsed(self, column: Column, present: np.ndarray) -> pa.ChunkedArray:
        texts = pc.utf8_trim_whitespace(column.values)
        parses = np.asarray(pc.fill_null(pc.match_substring_regex(texts, NUMBER), False))
        wrong = np.flatnonzero(present & ~parses)
        if len(wrong):
            text = column.values[int(wrong[0])].as_py()
            raise DataError(
                f"{column.where(int(wrong[0]))}: Number expects numbers. Received {text!r}. If it "
                f"means missing, declare Number(missing={json.dumps([text])})."
            )
        return pc.if_else(pa.array(present), texts, None).cast(pa.float64())


def _changed(values: np.ndarray, transform: Transform | None, knots: list[float]) -> np.ndarray:
    if transform == "log":
        return np.sign(values) * np.log1p(np.abs(values))
    if transform == "quantile":
        return np.interp(values, knots, np.linspace(0, 1, len(knots)))
    return values


def seconds(values: pa.ChunkedArray, micros: pa.DataType) -> pa.ChunkedArray:
    # What lies below a microsecond is cut: float64 could not hold it beside the year.
    cut = pc.cast(values, options=pc.CastOptions(target_type=micros, allow_time_truncate=True))
    return pc.divide(cut.cast(pa.int64()).cast(pa.float64(), safe=False), 1e6)


def _is_numeric(kind: pa.DataType) -> bool:
    return pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)
