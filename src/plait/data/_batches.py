"""Batches for `fit`: batch k of epoch e without having read an earlier one."""

import math
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

from plait.data._feature_rows import FeatureRows, Findings, Inputs
from plait.data._order import epoch_order, row_keys
from plait.features import Feature
from plait.table import Table
from plait.tasks import Targets, Task

Batch = tuple[Inputs, dict[str, np.ndarray], dict[str, np.ndarray]]


class Batches(keras.utils.PyDataset):
    """The labelled rows of a table, in batches of one fixed size, for one epoch after another.

    The last batch is filled up with rows that have no feature and no weight. Keras reads ahead in
    threads while the step runs; pass `shuffle=False` to `fit`, since the order is settled here.

    Args:
        table: the rows.
        features: fitted features by name.
        tasks: fitted tasks by name.
        batch_size: rows a batch.
        seed: of the order and of the rows' keys.
        shuffle: whether each epoch has an order of its own.
        weights: `(rows,)`, each row's weight, or None for 1.
        epoch: the epoch to begin with.
        workers: threads that read ahead; 0 reads in the calling thread.

    Raises:
        DataError: a target or an input that cannot be read.
    """

    def __init__(
        self,
        table: Table,
        features: Mapping[str, Feature],
        tasks: Mapping[str, Task],
        *,
        batch_size: int,
        seed: int = 0,
        shuffle: bool = True,
        weights: np.ndarray | None = None,
        epoch: int = 0,
        workers: int = 2,
    ) -> None:
        super().__init__(workers=workers, use_multiprocessing=False, max_queue_size=8)
        self.batch_size = batch_size
        self.seed = seed
        self.shuffle = shuffle
        self.epoch = epoch
        self.rows = table.num_rows
        self._features = FeatureRows(features, table)
        self._targets: dict[str, Targets] = {
            name: task.targets(table.column(task.column or name)) for name, task in tasks.items()
        }
        self._weights = np.ones(self.rows, "float32") if weights is None else weights
        self._order: tuple[int, np.ndarray] | None = None

    def __len__(self) -> int:
        return math.ceil(self.rows / self.batch_size)

    def __getitem__(self, index: int) -> Batch:
        return self.batch(self.epoch, index)

    def on_epoch_end(self) -> None:
        """Goes on to the next epoch's order; Keras calls it."""
        self.epoch += 1

    @property
    def findings(self) -> Findings:
        """What was met in the rows read so far."""
        return self._features.findings

    def batch(self, epoch: int, index: int) -> Batch:
        """One batch.

        Args:
            epoch: counted from 0.
            index: of the batch in the epoch, from 0.

        Returns:
            Inputs (`f`, `f__present`, `f__length`, `row_key` `(batch, 2)` int32), targets by task,
            and weights by task `(batch,)` float32, 0 where a label is missing.
        """
        start = index * self.batch_size
        indices = self._rows(epoch)[start : start + self.batch_size]
        x: dict[str, Any] = self._features.inputs(indices, self.batch_size)
        x["row_key"] = _padded(row_keys(self.seed, epoch, indices), self.batch_size)
        y, weights = {}, {}
        for name, targets in self._targets.items():
            y[name] = _padded(targets.values[indices], self.batch_size)
            weight = self._weights[indices] * targets.labelled[indices]
            weights[name] = _padded(weight.astype("float32"), self.batch_size)
        return x, y, weights

    def _rows(self, epoch: int) -> np.ndarray:
        if not self.shuffle:
            return np.arange(self.rows)
        held = self._order
        if held is None or held[0] != epoch:
            held = self._order = (epoch, epoch_order(self.seed, epoch, self.rows))
        return held[1]


def _padded(values: np.ndarray, size: int) -> np.ndarray:
    """`(rows, ...)` filled up with zeros to `(size, ...)`."""
    if len(values) == size:
        return values
    out = np.zeros((size, *values.shape[1:]), values.dtype)
    out[: len(values)] = values
    return out
