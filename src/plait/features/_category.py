"""One of several values."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

import keras
import numpy as np
import pyarrow as pa

from plait.encoders import CategoryEmbedding, Encoder
from plait.errors import ConfigError, DataError
from plait.features._cells import empty_column, is_bytes, plain, spelling
from plait.features._feature import ArraySpec, Encoded, Feature
from plait.table import Column

UNKNOWN = 0


@dataclass(frozen=True, kw_only=True)
class Category(Feature):
    """A value out of those that the training rows hold.

    A value that training never saw is allowed and means "unknown", which has an embedding of its
    own: values of a single training row share it, and it stands in for others now and then while
    training (see `CategoryEmbedding`), so that it is learnt.

    One value has one spelling, since a table may hold 1 where another holds 1.0 or "1".

    Args:
        max_categories: how many values are told apart, the most frequent ones; the rest is unknown.
        column, missing, encoder, tied, on_error: see `Feature`.

    Example:
        Category(max_categories=500)
    """

    modality: ClassVar[str] = "category"

    max_categories: int = 10_000

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.max_categories < 1:
            raise ConfigError(
                f"Category: max_categories is at least 1. Received: {self.max_categories!r}."
            )

    def fit(self, column: Column) -> Self:
        codes, names, there = self._coded(column)
        totals: dict[str, int] = {}
        counts = np.bincount(codes, minlength=len(names)) * there
        for name, count in zip(names, counts.tolist(), strict=True):
            if count:
                totals[name] = totals.get(name, 0) + count
        if not totals:
            raise empty_column(column)
        ranked = sorted(totals, key=lambda name: (-totals[name], name))
        # Where every value is single, leaving them all out would leave nothing.
        often = [name for name in ranked if totals[name] > 1] or ranked
        return replace(self, state={"categories": often[: self.max_categories]})

    @property
    def spec(self) -> ArraySpec:
        return ArraySpec((), "int32")

    @property
    def for_encoder(self) -> Mapping[str, Any]:
        """`size`: how many ids there are, "unknown" included."""
        return {"size": len(self.learnt["categories"]) + 1}

    def encode(self, column: Column) -> Encoded:
        ids = {name: n + 1 for n, name in enumerate(self.learnt["categories"])}
        codes, names, there = self._coded(column)
        table = np.array([ids.get(name, UNKNOWN) for name in names], "int32") * there
        # Of all modes "clip" is the fastest.
        return Encoded(table.take(codes, mode="clip"), there.take(codes, mode="clip"))

    def scaling(self) -> keras.layers.Layer | None:
        return None

    def default_encoder(self, width: int) -> Encoder:
        return CategoryEmbedding(width)

    def _coded(self, column: Column) -> tuple[np.ndarray, list[str], np.ndarray]:
        """Each cell's place in the list of distinct values, that list, and which of them are values."""
        column = plain(column)
        kind = column.type
        if pa.types.is_nested(kind) or is_bytes(kind):
            raise DataError(
                f"column '{column.name}' of {column.source}: Category expects text, whole numbers "
                f"or yes/no. Received {kind}."
            )
        encoded = column.values.dictionary_encode("encode").combine_chunks()
        names = [spelling(value) for value in encoded.dictionary.to_pylist()]
        # What means missing is asked of each distinct value, not of each cell.
        distinct = Column(
            column.name,
            pa.chunked_array([encoded.dictionary]),
            np.arange(len(names)),
            column.source,
        )
        return encoded.indices.to_numpy(), names, ~distinct.is_missing(self.missing)
