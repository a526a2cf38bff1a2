"""Vectors of one feature's cells, and a search among them by those of another."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from plait._ranges import demand_whole
from plait.backend import answering
from plait.data import FeatureRows
from plait.errors import DataError
from plait.inference._answers import keys_of
from plait.inference._declaration import Declaration
from plait.inference._rows import batches, check_columns
from plait.inference._sides import Side, model_of, side_of
from plait.table import Column, Table
from plait.tasks import nearest

_OFF = 1e-3
"""How far a vector's length may be from 1, for what was written and read again."""


class Embedder:
    """What a model with a `Matching` knows of each of its features by itself.

    Args:
        declaration: fitted.
        model: of that declaration.
        batch_size: rows a call of the model.
    """

    def __init__(self, declaration: Declaration, model: keras.Model, batch_size: int) -> None:
        self._declaration = declaration
        self._model = model
        self._batch_size = batch_size
        self._answer: dict[Side, Callable[[Any], Any]] = {}

    def embed(self, table: Any, feature: str, task: str | None, key: str | None) -> pa.Table:
        """See `Predictor.embed`."""
        side = side_of(self._declaration, feature, task)
        table = self._declaration.table(table, ahead=True)
        keys = keys_of(self._declaration, table, key)
        vectors, there = self._vectors(table, side)
        flat = pa.array(vectors.ravel())
        cells = pa.FixedSizeListArray.from_arrays(flat, side.width, mask=pa.array(~there))
        return pa.table({**{k.name: k.values for k in keys}, side.column: cells})

    def search(
        self, queries: Any, corpus: Any, by: str, k: int, task: str | None, key: str | None
    ) -> pa.Table:
        """See `Predictor.search`."""
        demand_whole("search", k=k)
        side = side_of(self._declaration, by, task)
        asked, asking, vectors = self._read(Table.read(queries), side, key, must=False)
        found, finding, others = self._read(Table.read(corpus), side.across, key, must=True)
        if not len(finding):
            raise DataError(
                f"{found.source}: no row has '{side.other}', so that there is nothing to find."
            )
        which, cosines = nearest(vectors, others, k)
        each = which.shape[1]
        return pa.table(
            {
                "query": asked.take(np.repeat(asking, each)).values,
                "rank": pa.array(np.tile(np.arange(1, each + 1), len(asking))),
                "found": found.take(finding[which.ravel()]).values,
                "cosine": pa.array(np.clip(cosines.ravel(), -1, 1)),
            }
        )

    def _read(
        self, table: Table, side: Side, key: str | None, must: bool
    ) -> tuple[Column, np.ndarray, np.ndarray]:
        """What names each row, which rows have the side, and the vectors of those."""
        if side.column not in table:
            table = self._declaration.table(table, ahead=True)
        keys = keys_of(self._declaration, table, key if must or key in table else None)
        numbers = pa.chunked_array([pa.array(np.arange(len(table)))])
        names = keys[0] if len(keys) == 1 else Column("row", numbers, table.rows, table.name)
        if side.column in table:
            vectors, there = _held(table.column(side.column), side)
        else:
            every, there = self._vectors(table, side)
            vectors = every[there]
        return names, np.flatnonzero(there), vectors

    def _vectors(self, table: Table, side: Side) -> tuple[np.ndarray, np.ndarray]:
        """`(rows, width)` float32, zeros where the feature is absent; and where it is not."""
        some = {side.feature: self._declaration.features[side.feature]}
        check_columns(some, table)
        if side not in self._answer:
            self._answer[side] = answering(model_of(side, self._model))
        vectors, there = np.zeros((len(table), side.width), "float32"), np.zeros(len(table), bool)
        start = 0
        for count, x in batches(FeatureRows(some, table, cache_bytes=0), self._batch_size):
            rows = slice(start, start + count)
            there[rows] = x[f"{side.feature}__present"][:count]
            given = np.asarray(self._answer[side](x)["vectors"])[:count]
            vectors[rows] = np.where(there[rows, None], given, 0)
            start += count
        return vectors, there


def _held(column: Column, side: Side) -> tuple[np.ndarray, np.ndarray]:
    """The vectors that a column of a table holds, and which cells have one."""
    there = ~column.is_missing()
    known = column.values.drop_null()
    if _is_list(known.type):
        flat = pc.list_flatten(known).to_numpy(zero_copy_only=False).astype("float32")
        if (pc.list_value_length(known).to_numpy() == side.width).all():
            vectors = flat.reshape(-1, side.width)
            # NaN is not near to 1 either.
            if (np.abs(np.linalg.norm(vectors, axis=1) - 1) < _OFF).all():
                return vectors, there
    raise DataError(
        f"Column '{column.name}' of {column.source}: expected what embed gave for '{side.feature}', "
        f"lists of {side.width} numbers, vectors of length 1. Received {column.type}. Embed the rows "
        "again, with this model."
    )


def _is_list(kind: pa.DataType) -> bool:
    lists = (pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list)
    return any(test(kind) for test in lists)
