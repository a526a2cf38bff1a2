"""Numbers, categories and dates of a row that are read together."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

import keras
import numpy as np
import pyarrow as pa

from plait._names import demand
from plait.encoders import Encoder, Tabular
from plait.errors import ConfigError, DataError
from plait.features._cells import empty_column, plain
from plait.features._feature import ArraySpec, Encoded, Feature
from plait.table import Column, Table

_READABLE = ("number", "category", "date", "vector")


@dataclass(frozen=True, kw_only=True)
class Columns(Feature):
    """Several columns of numbers, categories, dates and vectors, read by one encoder together.

    One layer sees how they belong together, where each could also be a feature with an encoder of its
    own. To tasks, fusion and modality dropout
    they are one feature, which is absent where every one of its cells is empty; an empty cell among
    others is known to the encoder as empty.

    A column that a table to be answered about lacks is empty in each row.

    Args:
        of: a feature for each column, by name: `Number`, `Category`, `Date`, `Vector`, or one of the
            user's own of their modalities.
        missing: strings that mean an empty cell in all of them, beside their own.
        on_error: "absent" makes an empty cell of what cannot be read in any of them.
        encoder: see `Feature`.
        column, tied: not of this feature.

    Raises:
        ConfigError: no columns; a feature that no one array of numbers could hold; an encoder of one
            of them, or a column of its own.

    Example:
        Columns(of={"age": Number(), "wage": Number(transform="quantile"), "sex": Category()})
    """

    modality: ClassVar[str] = "columns"

    of: Mapping[str, Feature]

    def __post_init__(self) -> None:
        super().__post_init__()
        if not isinstance(self.of, Mapping) or not self.of:
            raise ConfigError(
                "Columns: of is a mapping from names to features, such as {age: Number}. Received: "
                f"{self.of!r}.",
                ("of",),
            )
        for argument in ("column", "tied"):
            if getattr(self, argument) is not None:
                raise ConfigError(
                    f"Columns: {argument} is for the features in it. Received: "
                    f"{getattr(self, argument)!r}.",
                    (argument,),
                )
        for name, feature in self.of.items():
            demand(f"Columns, '{name}'", feature, Feature)
            if feature.modality not in _READABLE:
                raise ConfigError(
                    f"Columns: '{name}' is {type(feature).__name__}, of the modality "
                    f"{feature.modality}. Columns takes {', '.join(_READABLE)}; declare '{name}' as a "
                    "feature beside it.",
                    ("of", name),
                )
            for argument in ("encoder", "tied"):
                if getattr(feature, argument) is not None:
                    raise ConfigError(
                        f"Columns: '{name}' has an argument {argument}, but all columns are read by "
                        f"one encoder. Leave it out, or declare '{name}' as a feature beside them.",
                        ("of", name, argument),
                    )

    def reads(self, name: str) -> tuple[str, ...]:
        every = (c for own, feature in self.of.items() for c in feature.reads(own))
        return tuple(dict.fromkeys(every))

    def is_in(self, name: str, table: Table) -> bool:
        return any(feature.is_in(own, table) for own, feature in self.of.items())

    def cells(self, name: str, table: Table) -> Column:
        columns, empty = {}, []
        for own, feature in self.of.items():
            # What has been fitted is asked about tables that may lack a column.
            if self.state is not None and not feature.is_in(own, table):
                columns[own] = pa.nulls(table.num_rows)
                continue
            column = feature.cells(own, table)
            columns[own] = column.values.combine_chunks()
            empty.append(column.is_missing((*feature.missing, *self.missing)))
        nothing = np.logical_and.reduce(empty) if empty else np.ones(table.num_rows, bool)
        records = pa.StructArray.from_arrays(
            list(columns.values()), list(columns), mask=pa.array(nothing)
        )
        return Column(name, pa.chunked_array([records]), table.rows, table.name, table.root)

    def fit(self, column: Column) -> Self:
        if column.is_missing().all():
            raise empty_column(column)
        parts = self.apart(column)
        fitted = {own: feature.fit(parts[own]) for own, feature in self._alike().items()}
        for own, feature in fitted.items():
            if feature.spec.lengths or len(feature.spec.shape) > 1:
                raise ConfigError(
                    f"Columns: '{own}' becomes arrays of {feature.spec}; Columns takes numbers in a "
                    "row, or one id."
                )
        return replace(self, state={"of": {own: f.learnt for own, f in fitted.items()}})

    @property
    def fitted(self) -> dict[str, Feature]:
        """The features of its columns, each with what it learnt."""
        learnt = self.learnt["of"]
        return {own: feature.with_state(learnt[own]) for own, feature in self._alike().items()}

    @property
    def spec(self) -> ArraySpec:
        channels = sum(_channels(feature) for feature in self.fitted.values())
        return ArraySpec((channels + len(self.of),), "float32")

    @property
    def for_encoder(self) -> Mapping[str, Any]:
        """`columns`: for each, `{"numbers": channels}` or `{"ids": how many}`, in order."""
        return {
            "columns": tuple(
                {"numbers": _channels(feature)}
                if feature.spec.shape
                else {"ids": feature.for_encoder["size"]}
                for feature in self.fitted.values()
            )
        }

    def encode(self, column: Column) -> Encoded:
        parts = self.apart(column)
        found = {own: feature.encode(parts[own]) for own, feature in self.fitted.items()}
        known = np.stack([one.present for one in found.values()], axis=1)
        values = [
            one.values.reshape(len(column), math.prod(one.values.shape[1:]))
            for one in found.values()
        ]
        unknown = [one.unknown for one in found.values() if one.unknown is not None]
        return Encoded(
            np.concatenate([*values, known], axis=1, dtype="float32"),
            np.asarray(known.any(axis=1)),
            broken=tuple(cell for one in found.values() for cell in one.broken),
            unknown=sum(unknown[1:], unknown[0]) if unknown else None,
        )

    def scaling(self) -> keras.layers.Layer | None:
        return None

    def default_encoder(self, width: int) -> Encoder:
        return Tabular(width)

    def apart(self, column: Column) -> dict[str, Column]:
        """Each column by itself, under its own name, of what `cells` gave.

        Raises:
            DataError: it is of another kind.
        """
        column = plain(column)
        kind = column.type
        if pa.types.is_null(kind):
            nothing = column.with_values(pa.chunked_array([pa.nulls(len(column))]))
            return {own: replace(nothing, name=self._name(own)) for own in self.of}
        if not pa.types.is_struct(kind) or {f.name for f in kind} != set(self.of):
            raise DataError(
                f"column '{column.name}' of {column.source}: Columns expects records of "
                f"{', '.join(self.of)}, as `cells` gives them. Received {kind}."
            )
        records = column.values.combine_chunks()
        # Empty where the record is, too.
        cells = dict(zip((field.name for field in kind), records.flatten(), strict=True))
        return {
            own: replace(column.with_values(pa.chunked_array([cells[own]])), name=self._name(own))
            for own in self.of
        }

    def _alike(self) -> dict[str, Feature]:
        """The features of its columns, with what is said of all of them."""
        return {
            own: replace(
                feature,
                missing=(*feature.missing, *self.missing),
                on_error=feature.on_error if self.on_error == "raise" else self.on_error,
            )
            for own, feature in self.of.items()
        }

    def _name(self, own: str) -> str:
        return self.of[own].column or own


def _channels(feature: Feature) -> int:
    return feature.spec.shape[0] if feature.spec.shape else 1
