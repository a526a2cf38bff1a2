"""Batches for `fit`: batch k of epoch e without having read an earlier one."""

import copy
import math
import os
from collections.abc import Callable, Mapping
from functools import lru_cache
from itertools import chain
from typing import Any

import keras
import numpy as np

from plait._disk_cache import DiskCache
from plait.backend import placed
from plait.data._device_room import DeviceRoom
from plait.data._feature_rows import FeatureRows, Findings, Inputs
from plait.data._order import drawn_rows, draws_before, epoch_order, mixed_order, row_keys
from plait.data._read_ahead import ReadAhead
from plait.data._reading import reading
from plait.features import Feature
from plait.table import Table
from plait.tasks import Targets, Task

_AHEAD = 8
"""Batches, at most, that are read before they are asked for."""
_AHEAD_BYTES = 1 << 28
"""What they take in memory, at most, unless one alone takes more."""

Batch = tuple[Inputs, dict[str, np.ndarray], dict[str, np.ndarray]]


class Batches(keras.utils.PyDataset):
    """The labelled rows of a table, in batches of one fixed size, for one epoch after another.

    The last batch is filled up with rows that have no feature and no weight. Batches are read ahead in
    threads while the step runs; pass `shuffle=False` to `fit`, since the order is settled here. The
    threads are not Keras' own: its queue hands what is left of one epoch to the next.

    Args:
        table: the rows.
        features: fitted features by name, or the rows as these read them.
        tasks: fitted tasks by name.
        batch_size: rows a batch.
        seed: of the order and of the rows' keys.
        shuffle: whether each epoch has an order of its own.
        weights: `(rows,)`, each row's weight, or None for 1.
        times: `(rows,)`, how often each row is drawn in an epoch, on average, 1 in the mean; None has
            each come once. Of the rows that have labels, where there are others.
        signals: further targets by name: what objectives compare their outputs with.
        unlabelled: how many of the rows, the last ones, have no label of any task and come in turn
            beside the others.
        share: of each batch that is theirs.
        epoch: the epoch to begin with.
        start: the batch of that epoch to begin with.
        workers: threads that read ahead, as many as there are cores if None; 0 reads in the calling
            thread.
        disk, room: see `FeatureRows`. With room on the device, whole batches are placed there by the
            threads that read.

    Attributes:
        before_next: called once, when a batch is asked for next.
        last: the last epoch that will be asked for, so that none is read ahead after it; None if more
            may come.

    Raises:
        DataError: a target or an input that cannot be read.
        ReadingError: anything else that a thread dies of, where its batch is asked for.
    """

    def __init__(
        self,
        table: Table,
        features: Mapping[str, Feature] | FeatureRows,
        tasks: Mapping[str, Task],
        *,
        batch_size: int,
        seed: int = 0,
        shuffle: bool = True,
        weights: np.ndarray | None = None,
        times: np.ndarray | None = None,
        signals: Mapping[str, Targets] | None = None,
        unlabelled: int = 0,
        share: float = 0.0,
        epoch: int = 0,
        start: int = 0,
        workers: int | None = None,
        disk: DiskCache | None = None,
        room: DeviceRoom | None = None,
    ) -> None:
        super().__init__(workers=1, use_multiprocessing=False)
        self.batch_size = batch_size
        self.seed = seed
        self.shuffle = shuffle
        self.epoch = epoch
        self.start = start
        self.before_next: Callable[[], None] | None = None
        self.last: int | None = None
        self.rows = table.num_rows
        self.table = table.name
        self._numbers = table.rows
        self._room = room
        self._features = (
            features
            if isinstance(features, FeatureRows)
            else FeatureRows(features, table, disk=disk, room=room)
        )
        asked = {n: task.beside(self._features.features, table) for n, task in tasks.items()}
        self._targets: dict[str, Targets] = {
            name: task.targets(task.column_in(name, table)) for name, task in asked.items()
        } | dict(signals or {})
        self._drawn = min(max(1, round(share * batch_size)), batch_size - 1) if unlabelled else 0
        self._taught = self.rows - unlabelled
        self._weights = np.ones(self.rows, "float32") if weights is None else weights
        # Of two epochs, since the next one is begun while the last batches of one are trained.
        self._order = lru_cache(2)(lambda epoch: self._ordered(epoch, times))
        workers = min(_AHEAD, os.cpu_count() or 1) if workers is None else workers
        self._reader = ReadAhead(self._read, workers, self._ahead())

    @property
    def steps(self) -> int:
        """Batches in a whole epoch."""
        return math.ceil(self._taught / (self.batch_size - self._drawn))

    def __len__(self) -> int:
        return self.steps - self.start

    def __getitem__(self, index: int) -> Batch:
        if self.before_next is not None:
            self.before_next()
            self.before_next = None
        epoch, place = self.epoch, self.start + index
        inside = ((epoch, n) for n in range(place + 1, self.steps))
        more = self.last is None or epoch < self.last
        beyond = ((epoch + 1, n) for n in range(self.steps if more else 0))
        return self._reader.get((epoch, place), chain(inside, beyond))

    def at(self, epoch: int, start: int = 0) -> "Batches":
        """The same rows, from a batch of an epoch on.

        A copy, since Keras may still be reading ahead in these when it has all that it asked for.
        """
        other = copy.copy(self)
        other.epoch, other.start = epoch, start
        return other

    def on_epoch_end(self) -> None:
        """Goes on to the next epoch's order; Keras calls it."""
        self.epoch += 1

    @property
    def failed(self) -> Exception | None:
        """Why the batch that was asked for last could not be read; None if it could."""
        return self._reader.failed

    def close(self) -> None:
        """Reads nothing more ahead, here and in its copies, until a batch is asked for."""
        self._reader.close()

    @property
    def looked(self) -> FeatureRows:
        """The rows, which hold what was met in them so far."""
        return self._features

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
            and weights by task `(batch,)` float32, 0 where a label is missing. NumPy arrays, but for
            decoded media that have moved to the device that trains.
        """
        start = index * self.batch_size
        order, keyed = self._rows(epoch)
        indices = order[start : start + self.batch_size]
        x: dict[str, Any] = self._features.inputs(indices, self.batch_size)
        keys = row_keys(self.seed, epoch, keyed[start : start + self.batch_size])
        x["row_key"] = _padded(keys, self.batch_size)
        y, weights = {}, {}
        for name, targets in self._targets.items():
            y[name] = _padded(targets.values[indices], self.batch_size)
            weight = self._weights[indices] * targets.labelled[indices]
            weights[name] = _padded(weight.astype("float32"), self.batch_size)
        return x, y, weights

    def _ahead(self) -> int:
        values = [targets.values for targets in self._targets.values()]
        targets = sum(math.prod(v.shape[1:]) * v.dtype.itemsize for v in values)
        size = self.batch_size * (self._features.row_bytes + targets)
        return min(_AHEAD, max(1, _AHEAD_BYTES // max(1, size)))

    def numbers(self, epoch: int, index: int) -> np.ndarray:
        """The numbers in the table of one batch's rows, in its order; see `batch`."""
        start = index * self.batch_size
        order, _ = self._rows(epoch)
        return self._numbers[order[start : start + self.batch_size]]

    def _read(self, key: tuple[int, int]) -> Batch:
        epoch, index = key

        def numbers() -> list[int]:
            return sorted(self.numbers(epoch, index).tolist())

        with reading(numbers, self.table, f"batch {index + 1} of epoch {epoch}"):
            batch = self.batch(epoch, index)
            return batch if self._room is None else placed(batch)

    def _rows(self, epoch: int) -> tuple[np.ndarray, np.ndarray]:
        if not self.shuffle:
            return np.arange(self.rows), np.arange(self.rows)
        return self._order(epoch)

    def _ordered(self, epoch: int, times: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
        """The rows of an epoch, and what each one's key is made of: its number when it comes first."""
        beside = self.rows - self._taught
        if times is None:
            order = epoch_order(self.seed, epoch, self._taught)
        else:
            order = drawn_rows(self.seed, epoch, times)
        if beside:
            how = (beside, self.batch_size, self._drawn)
            order = mixed_order(self.seed, epoch, order, self._taught, *how)
        elif times is None:
            return order, order
        # Drawn again, a row is augmented otherwise.
        return order, order + self.rows * draws_before(order)


def _padded(values: np.ndarray, size: int) -> np.ndarray:
    """`(rows, ...)` filled up with zeros to `(size, ...)`."""
    if len(values) == size:
        return values
    out = np.zeros((size, *values.shape[1:]), values.dtype)
    out[: len(values)] = values
    return out
