"""What a learner comes to on a table, before there is a model."""

import math
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Self

import numpy as np

from plait._disk_cache import DiskCache
from plait.backend import device_memory
from plait.data import Batches, DeviceRoom
from plait.inference import Declaration, row_weights
from plait.table import Table
from plait.training._coverage import label_coverage, labelled_rows
from plait.training._selection import Validation
from plait.training._settings import Training
from plait.training._signals_of import signals_of
from plait.training._start import Start


@dataclass(frozen=True)
class Prepared:
    """The rows that train and select, as a declaration reads them.

    Attributes:
        declaration: fitted.
        settings: settled.
        taught: the training rows that have a label.
        validation: None without such rows.
        coverage: how many training rows are labelled, by task.
        weight: the column of each row's weight, if any.
        seed: of the run.
        parts: the rows of each part.
        disk: where decoded media are kept; None for nowhere.
        start: what the model begins with; None for initial weights.
        room: for decoded media on the device that trains; None for none.
        beside: training rows without a label, where objectives learn from them.
    """

    declaration: Declaration
    settings: Training
    taught: Table
    validation: Validation | None
    coverage: Mapping[str, Mapping[str, int]]
    weight: str | None
    seed: int
    parts: Mapping[str, Table]
    disk: DiskCache | None
    start: Start | None
    room: DeviceRoom | None = None
    beside: Table | None = None

    @classmethod
    def of(
        cls,
        declaration: Declaration,
        parts: Mapping[str, Table],
        settings: Training,
        weight: str | None,
        seed: int,
        start: Start | None = None,
    ) -> Self:
        """From the rows of each part.

        Args:
            declaration: fitted.
            parts: "train", and "validation" if there is one.
            settings: as declared.
            weight: the column of each row's weight, if any.
            seed: of the run.
            start: what the model begins with; None for initial weights.

        Raises:
            DataError: a label that cannot be read; before the first epoch, also one to validate on.
        """
        labelled = labelled_rows(declaration.tasks_in(parts["train"]), parts["train"])
        any_label = np.any(list(labelled.values()), axis=0)
        taught, beside = parts["train"].take(np.flatnonzero(any_label)), None
        if settings.unlabelled is not None and any_label.all():
            warnings.warn(
                f"{parts['train'].name}: every training row has a label of some task, so there are "
                "none for `unlabelled` to add.",
                stacklevel=2,
            )
        elif settings.unlabelled is not None:
            beside = parts["train"].take(np.flatnonzero(~any_label))
        read = len(taught)
        if beside is not None and settings.unlabelled is not None:
            read = math.ceil(read / (1 - settings.unlabelled))
        settings = settings.settled(read)
        validation, disk = None, settings.disk
        # Rows that lie on the device would count as what a run with a limit takes.
        bound = settings.max_memory is not None or settings.shares > 1
        room = None if bound else DeviceRoom.here()
        if "validation" in parts:
            table = parts["validation"]
            labelled_rows(declaration.tasks_in(table), table)
            validation = Validation.of(declaration, table, weight, disk, room)
        coverage = label_coverage(labelled)
        about = (declaration, settings, taught, validation, coverage, weight, seed, parts)
        return cls(*about, disk, start, room, beside)

    @cached_property
    def times(self) -> np.ndarray | None:
        """How often each training row is drawn in an epoch; None for once."""
        return self.settings.times(self.taught, self.declaration.tasks_in(self.taught))

    @cached_property
    def batches(self) -> Batches:
        """The training rows."""
        rows = self.taught if self.beside is None else self.taught.followed_by(self.beside)
        return Batches(
            rows,
            self.declaration.features,
            self.declaration.tasks,
            batch_size=self.settings.batch_rows,
            seed=self.seed,
            weights=None if self.weight is None else row_weights(rows, self.weight),
            times=self.times,
            signals=signals_of(self.declaration, rows),
            unlabelled=0 if self.beside is None else len(self.beside),
            share=self.settings.unlabelled or 0.0,
            disk=self.disk,
            room=self.room,
        )

    @property
    def unread_bytes(self) -> int:
        """The memory, where the model trains, that media will take which are kept once they are read.

        None of a device's own: they move there only where a step has left room.
        """
        if device_memory() is not None:
            return 0
        kept = [self.batches.looked, *([] if self.validation is None else [self.validation.rows])]
        return sum(rows.unread_bytes for rows in kept)

    @property
    def rows(self) -> int:
        """How many rows are read in an epoch."""
        beside = 0 if self.beside is None else len(self.beside)
        validated = 0 if self.validation is None else len(self.validation.table)
        return len(self.taught) + beside + validated

    def sample(
        self, taught: int, validated: int, settings: Training, disk: DiskCache | None
    ) -> Self:
        """So many rows of each kind, or all where there are fewer, from all over the tables.

        Args:
            taught: training rows.
            validated: validation rows.
            settings: settled.
            disk: where decoded media are kept instead.
        """
        validation = self.validation
        if validation is not None:
            table = validation.table.take(_spread(len(validation.table), validated))
            validation = Validation.of(self.declaration, table, self.weight, disk)
        some = self.taught.take(_spread(len(self.taught), taught))
        beside = self.beside
        if beside is not None:
            beside = beside.take(_spread(len(beside), taught))
        # A few rows always fit on a device; whether all of them do is not to be told from that.
        return replace(
            self,
            settings=settings,
            taught=some,
            validation=validation,
            disk=disk,
            room=None,
            beside=beside,
        )


def _spread(rows: int, wanted: int) -> np.ndarray:
    return np.linspace(0, rows - 1, min(rows, wanted)).astype(int)
