"""Numbers that belong together, such as an embedding made elsewhere."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, Self

import keras
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from plait.encoders import Encoder, VectorEmbedding
from plait.errors import DataError
from plait.features._cells import broken_cells, empty_column, is_list, plain
from plait.features._feature import ArraySpec, Encoded, Feature
from plait.features._standard import standardised
from plait.table import Column

# An even pick of the rows, for means and deviations: more of them would add memory, and no digit.
_MOST_ROWS_READ = 10_000


@dataclass(frozen=True, kw_only=True)
class Vector(Feature):
    """A list of numbers, as many in each row: an embedding, a fingerprint, a spectrum.

    Its length is that of most training rows. Each place in it is standardised by itself, on the host
    in float64, and cut at 10 deviations, as `Number` does.

    Args:
        column, missing, encoder, tied, on_error: see `Feature`. A list of another length, or with a
            gap, NaN or an infinite number in it, cannot be read.

    Example:
        Vector(on_error="absent")
    """

    modality: ClassVar[str] = "vector"
    mixes: ClassVar[bool] = True

    def fit(self, column: Column) -> Self:
        there = np.flatnonzero(~plain(column).is_missing(self.missing))
        if not len(there):
            raise empty_column(column)
        if len(there) > _MOST_ROWS_READ:
            even = np.linspace(0, len(there) - 1, _MOST_ROWS_READ)
            there = there[even.astype("int64")]
        read = column.take(there)
        sizes, _ = self._lists(plain(read), np.ones(len(read), bool))
        lengths, rows = np.unique(sizes[sizes > 0], return_counts=True)
        if not len(lengths):
            raise DataError(
                f"column '{column.name}' of {column.source}: Vector expects lists of numbers. "
                "Received empty lists alone."
            )
        values, _, broken = self._read(read, int(lengths[rows.argmax()]))
        broken_cells(read, broken, self.on_error)
        if not len(values):
            raise empty_column(column)
        with np.errstate(over="ignore"):
            std = values.std(axis=0)
        state = {"mean": values.mean(axis=0).tolist(), "std": np.where(std > 0, std, 1.0).tolist()}
        return replace(self, state=state)

    @property
    def spec(self) -> ArraySpec:
        return ArraySpec((len(self.learnt["mean"]),), "float32")

    def encode(self, column: Column) -> Encoded:
        mean, std = np.array(self.learnt["mean"]), np.array(self.learnt["std"])
        values, present, reasons = self._read(column, len(mean))
        broken = broken_cells(column, reasons, self.on_error)
        found = np.zeros((len(column), len(mean)), "float32")
        found[present] = standardised(values, mean, std)
        return Encoded(found, present, broken=broken)

    def scaling(self) -> keras.layers.Layer | None:
        return None

    def default_encoder(self, width: int) -> Encoder:
        return VectorEmbedding(width)

    def _read(
        self, column: Column, length: int
    ) -> tuple[np.ndarray, np.ndarray, Mapping[int, str]]:
        """What can be read, `(read, length)` float64; which rows that is; why others cannot be."""
        column = plain(column)
        present = ~column.is_missing(self.missing)
        sizes, flat = self._lists(column, present)
        fits = sizes == length
        values = flat[np.repeat(fits, sizes)].reshape(-1, length)
        finite = np.isfinite(values).all(axis=1)
        there = np.flatnonzero(present)
        reasons = {
            int(place): f"Vector expects {length} numbers, as most training rows have. Received "
            f'{size}. Leave the cell empty, or declare Vector(on_error="absent").'
            for place, size in zip(there[~fits], sizes[~fits], strict=True)
        }
        for place, row in zip(there[fits][~finite], values[~finite], strict=True):
            odd = int(np.argmin(np.isfinite(row)))
            reasons[int(place)] = (
                f"Vector expects finite numbers. Received {row[odd]} as number {odd + 1} of {length}. "
                'Leave the cell empty, or declare Vector(on_error="absent").'
            )
        read = np.zeros(len(column), bool)
        read[there[fits][finite]] = True
        return values[finite], read, reasons

    def _lists(self, column: Column, present: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The length of each list that is there, and all their numbers end to end, float64."""
        kind = column.type
        if pa.types.is_null(kind):
            return np.zeros(0, "int64"), np.zeros(0)
        if not is_list(kind) or not _is_numeric(kind.value_type):
            raise DataError(
                f"column '{column.name}' of {column.source}: Vector expects lists of numbers. "
                f"Received {kind}. A CSV file holds no lists: write them to Parquet or JSON lines."
            )
        lists = column.values.filter(pa.array(present))
        flat = pc.list_flatten(lists)
        if pa.types.is_boolean(kind.value_type):
            flat = flat.cast(pa.int8())
        sizes = pc.list_value_length(lists).to_numpy().astype("int64")
        return sizes, flat.cast(pa.float64(), safe=False).to_numpy()


def _is_numeric(kind: pa.DataType) -> bool:
    return (
        pa.types.is_boolean(kind)
        or pa.types.is_integer(kind)
        or pa.types.is_floating(kind)
        or pa.types.is_decimal(kind)
        or pa.types.is_null(kind)
    )
