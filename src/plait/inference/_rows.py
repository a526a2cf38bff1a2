"""Rows of a table as the model's inputs, in batches of one fixed size."""

import warnings
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np

from plait.errors import DataError
from plait.features import BrokenCell, Feature
from plait.table import Table

Inputs = dict[str, np.ndarray]


@dataclass(frozen=True)
class InputBatch:
    """A batch of rows, padded to a fixed size with absent rows.

    Attributes:
        x: `{"f": (batch, *feature), "f__present": (batch,), "f__length": (batch,)}`.
        rows: how many rows of the batch are real.
        broken: cells taken as absent because they could not be read.
        cut: for each feature, how many rows were longer than its shape.
    """

    x: Inputs
    rows: int
    broken: tuple[BrokenCell, ...] = ()
    cut: Mapping[str, int] = field(default_factory=dict)


def check_columns(features: Mapping[str, Feature], table: Table) -> list[str]:
    """The features that the table has; says which it has not.

    Raises:
        DataError: the table has no column of any feature.
    """
    there = [name for name, feature in features.items() if (feature.column or name) in table]
    if not there:
        wanted = [feature.column or name for name, feature in features.items()]
        raise DataError(
            f"{table.source} has none of the columns that the model reads: {', '.join(wanted)}. "
            f"It has: {', '.join(table.names)}."
        )
    gone = [feature.column or name for name, feature in features.items() if name not in there]
    if gone:
        warnings.warn(
            f"{table.source} has no column {', '.join(map(repr, gone))}: absent in every row.",
            stacklevel=4,
        )
    return there


def input_batches(
    features: Mapping[str, Feature], table: Table, batch_size: int
) -> Iterator[InputBatch]:
    """The table's rows in order; the next batch is read while the present one is in use.

    Args:
        features: fitted features by name.
        table: any columns; a feature without a column is absent everywhere.
        batch_size: the size of every batch, the last one included.

    Raises:
        DataError: no column of any feature, or a cell that cannot be read where the feature's
            `on_error` is "raise".
    """
    return _read_ahead(features, check_columns(features, table), table, batch_size)


def _read_ahead(
    features: Mapping[str, Feature], there: list[str], table: Table, batch_size: int
) -> Iterator[InputBatch]:
    starts = range(0, len(table), batch_size)

    def read(start: int) -> InputBatch:
        indices = np.arange(start, min(start + batch_size, len(table)))
        return _encode(features, there, table, indices, batch_size)

    with ThreadPoolExecutor(max_workers=1) as reader:
        coming = [reader.submit(read, start) for start in starts[:1]]
        for start in starts:
            batch = coming.pop().result()
            if start + batch_size < len(table):
                coming.append(reader.submit(read, start + batch_size))
            yield batch


def _encode(
    features: Mapping[str, Feature],
    there: list[str],
    table: Table,
    indices: np.ndarray,
    batch_size: int,
) -> InputBatch:
    x: Inputs = {}
    broken: list[BrokenCell] = []
    cut = {}
    for name, feature in features.items():
        spec = feature.spec
        x[name] = np.zeros((batch_size, *spec.shape), spec.dtype)
        x[f"{name}__present"] = np.zeros(batch_size, bool)
        if spec.lengths:
            x[f"{name}__length"] = np.ones(batch_size, np.int32)
        if name not in there:
            continue
        encoded = feature.encode(table.column(feature.column or name).take(indices))
        x[name][: len(indices)] = encoded.values
        x[f"{name}__present"][: len(indices)] = encoded.present
        if encoded.lengths is not None:
            x[f"{name}__length"][: len(indices)] = encoded.lengths
        broken.extend(encoded.broken)
        cut[name] = encoded.cut
    return InputBatch(x, len(indices), tuple(broken), cut)
