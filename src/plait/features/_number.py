"""A number."""

from dataclasses import dataclass, replace
from typing import ClassVar, Literal, Self

import keras
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from plait.encoders import Encoder, NumberEmbedding
from plait.errors import DataError
from plait.features._feature import ArraySpec, Encoded, Feature
from plait.table import Column

FARTHEST = 10.0
"""Standardised values are cut here: one typing error must not swamp a row."""

_MOST_KNOTS = 1000


@dataclass(frozen=True, kw_only=True)
class Number(Feature):
    """A number, standardised by the training rows.

    It is standardised on the host in float64: float32 in the model would tell apart neither two
    neighbouring seconds of a date nor two large amounts.

    Args:
        transform: what is done before standardising: "log" takes sign(x) log(1 + |x|), for amounts
            over several orders of magnitude; "quantile" the share of training values below; None
            nothing.
        column, missing, encoder, tied, on_error: see `Feature`.

    Example:
        Number(missing=["n/a"], transform="log")
    """

    modality: ClassVar[str] = "number"

    transform: Literal["log", "quantile"] | None = None

    def fit(self, column: Column) -> Self:
        values, present = self._numbers(column)
        known = values[present]
        if not len(known):
            raise DataError(
                f"column '{column.name}' of {column.source} is empty in every training row. Leave "
                "it out of the features."
            )
        knots: list[float] = []
        if self.transform == "quantile":
            count = min(_MOST_KNOTS, len(known))
            knots = np.unique(np.quantile(known, np.linspace(0, 1, count))).tolist()
        changed = _changed(known, self.transform, knots)
        std = float(changed.std())
        state = {"mean": float(changed.mean()), "std": std if std > 0 else 1.0, "knots": knots}
        return replace(self, state=state)

    @property
    def spec(self) -> ArraySpec:
        return ArraySpec((1,), "float32")

    def encode(self, column: Column) -> Encoded:
        state = self.learnt
        values, present = self._numbers(column)
        changed = _changed(values, self.transform, state["knots"])
        scaled = np.clip((changed - state["mean"]) / state["std"], -FARTHEST, FARTHEST)
        return Encoded(np.where(present, scaled, 0.0).astype("float32")[:, None], present)

    def scaling(self) -> keras.layers.Layer | None:
        return None

    def default_encoder(self, width: int) -> Encoder:
        return NumberEmbedding(width)

    def _numbers(self, column: Column) -> tuple[np.ndarray, np.ndarray]:
        """The cells as float64, 0 where absent, and which are there."""
        present = ~column.is_missing(self.missing)
        values = column.values
        if pa.types.is_boolean(values.type):
            values = values.cast(pa.int8())
        if _is_text(values.type):
            values = self._parsed(column, present)
        elif not _is_numeric(values.type) and not pa.types.is_null(values.type):
            raise DataError(
                f"column '{column.name}' of {column.source}: Number expects numbers. Received "
                f"{values.type}."
            )
        numbers = pc.fill_null(values.cast(pa.float64()), 0.0).to_numpy()
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
        texts = pc.if_else(pa.array(present), pc.utf8_trim_whitespace(column.values), None)
        try:
            return texts.cast(pa.float64())
        except pa.ArrowInvalid:
            bad = next(
                i
                for i, text in enumerate(texts.to_pylist())
                if text is not None and not _parses(text)
            )
            received = column.values[bad].as_py()
            raise DataError(
                f"{column.where(bad)}: Number expects numbers. Received {received!r}. If it means "
                f"missing, declare Number(missing=[{received!r}])."
            ) from None


def _changed(values: np.ndarray, transform: str | None, knots: list[float]) -> np.ndarray:
    if transform == "log":
        return np.sign(values) * np.log1p(np.abs(values))
    if transform == "quantile":
        return np.interp(values, knots, np.linspace(0, 1, len(knots)))
    return values


def _is_text(kind: pa.DataType) -> bool:
    return pa.types.is_string(kind) or pa.types.is_large_string(kind)


def _is_numeric(kind: pa.DataType) -> bool:
    return pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)


def _parses(text: str) -> bool:
    try:
        pa.scalar(text).cast(pa.float64())
    except pa.ArrowInvalid:
        return False
    return True
