"""One of several values."""

from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

import keras
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from plait.encoders import CategoryEmbedding, Encoder
from plait.errors import DataError
from plait.features._feature import ArraySpec, Encoded, Feature
from plait.table import Column

UNKNOWN = 0


@dataclass(frozen=True, kw_only=True)
class Category(Feature):
    """A value out of those that the training rows hold.

    A value that training never saw is allowed and means "unknown", which has an embedding of its
    own: values of a single training row share it, and it stands in for others now and then while
    training (see `CategoryEmbedding`), so that it is learnt.

    Args:
        most: how many values are told apart, the most frequent ones; the rest is unknown.
        column, missing, encoder, tied, on_error: see `Feature`.
    """

    modality: ClassVar[str] = "category"

    most: int = 10_000

    def fit(self, column: Column) -> Self:
        names, counts = self._counted(column)
        if not names:
            raise DataError(
                f"column '{column.name}' of {column.source} is empty in every training row. Leave "
                "it out of the features."
            )
        order = sorted(range(len(names)), key=lambda n: (-counts[n], names[n]))
        often = [n for n in order if counts[n] > 1] or order
        return replace(self, state={"categories": [names[n] for n in often[: self.most]]})

    @property
    def spec(self) -> ArraySpec:
        return ArraySpec((), "int32")

    def encode(self, column: Column) -> Encoded:
        ids = {name: n + 1 for n, name in enumerate(self.learnt["categories"])}
        present = ~column.is_missing(self.missing)
        codes, values = _dictionary(column)
        table = np.array([ids.get(name, UNKNOWN) for name in values] or [UNKNOWN], "int32")
        return Encoded(np.where(present, table[codes], UNKNOWN).astype("int32"), present)

    def scaling(self) -> keras.layers.Layer | None:
        return None

    def default_encoder(self, width: int) -> Encoder:
        return CategoryEmbedding(width)

    @property
    def size(self) -> int:
        """How many ids there are, "unknown" included."""
        return len(self.learnt["categories"]) + 1

    def _counted(self, column: Column) -> tuple[list[str], np.ndarray]:
        present = ~column.is_missing(self.missing)
        codes, values = _dictionary(column)
        counts = np.bincount(codes[present], minlength=len(values))
        # Values that read alike, such as 1 and 1.0, are one.
        totals: dict[str, int] = {}
        for name, count in zip(values, counts, strict=True):
            if count:
                totals[name] = totals.get(name, 0) + int(count)
        return list(totals), np.array(list(totals.values()), "int64")


def _dictionary(column: Column) -> tuple[np.ndarray, list[str]]:
    """Each cell's place in the list of distinct values, 0 for a null; and those values as text."""
    kind = column.values.type
    if pa.types.is_nested(kind) or pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        raise DataError(
            f"column '{column.name}' of {column.source}: Category expects text, whole numbers or "
            f"yes/no. Received {kind}."
        )
    encoded = column.values.combine_chunks().dictionary_encode()
    codes = pc.fill_null(encoded.indices, 0).to_numpy(zero_copy_only=False)
    return codes.astype("int64"), [_text(v) for v in encoded.dictionary.to_pylist()]


def _text(value: Any) -> str:
    """One spelling a value: a table may hold 1 where another holds 1.0 or "1"."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).strip()
