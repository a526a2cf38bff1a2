"""A run in small: real steps, scores and a checkpoint, on a sample of the rows."""

import math
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import keras

from plait._disk_cache import DiskCache
from plait.balancing import Balancer
from plait.errors import StoppedError
from plait.training._checkpoint import found_in
from plait.training._goes_on import GoesOn
from plait.training._memory import most_in_use
from plait.training._notes import tell
from plait.training._prepared import Prepared
from plait.training._train import Trained, train

VALIDATED = 512
"""Validation rows that are scored."""


@dataclass(frozen=True)
class Trial:
    """What came of it.

    Attributes:
        trained: with as many epochs in its history as were asked for.
        steps: of each epoch, when it began and when each of its steps was over.
        scored: of each epoch, when it was over.
        memory: the most bytes at once, by then.
        checkpoint: bytes of one.
        cached: bytes of decoded media that a row adds to the cache folder, on average.
    """

    trained: Trained
    steps: list[list[float]]
    scored: list[float]
    memory: int
    checkpoint: int
    cached: float


def trial(ready: Prepared, balancing: Balancer | None, *, steps: int, epochs: int) -> Trial:
    """Trains a model as a run would, and forgets it.

    Args:
        ready: what the run trains on.
        balancing: see `train`.
        steps: of each epoch, at most.
        epochs: each has the same rows.

    Raises:
        DataError, ConfigError, BalancingError, DivergedError: as the run would.
        KeyboardInterrupt: a signal asked for it.
    """
    batch = ready.settings.batch_rows
    rows = min(steps * batch, len(ready.taught))
    settings = replace(
        ready.settings,
        epochs=epochs,
        patience=epochs,
        task_patience=None,
        max_minutes=None,
        max_memory=None,
        # All of it learns, which takes the most.
        unfreeze_at=dict.fromkeys(ready.settings.unfreeze_at or (), 1),
        # At the end of each epoch, and not between its steps.
        checkpoint_every=math.ceil(rows / batch),
    )
    clock = _Clock()
    with tempfile.TemporaryDirectory() as folder:
        checkpoints, media = (Path(folder) / name for name in ("checkpoints", "media"))
        checkpoints.mkdir()
        # Empty at first, as before a first run.
        disk = None if ready.disk is None else DiskCache(media, ready.disk.most_bytes)
        some = ready.sample(rows, VALIDATED, settings, disk)
        try:
            trained = train(
                some.declaration,
                some.batches,
                some.validation,
                settings,
                balancing,
                seed=ready.seed,
                callbacks=[clock],
                goes_on=GoesOn(checkpoints, None, lambda line: tell([line])),
                start=ready.start,
                run_steps=ready.batches.steps * (ready.settings.epochs or 1),
            )
        except StoppedError as error:
            # There is no run yet to go on with.
            raise KeyboardInterrupt from error
        memory = most_in_use()
        checkpoint = max((path.stat().st_size for path in found_in(checkpoints)), default=0)
        cached = size_of(media) / some.rows
    return Trial(trained, clock.steps, clock.scored, memory, checkpoint, cached)


def size_of(folder: Path) -> int:
    """The bytes of all files below a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


class _Clock(keras.callbacks.Callback):
    def __init__(self) -> None:
        super().__init__()
        self.steps: list[list[float]] = []
        self.scored: list[float] = []

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self.steps.append([time.monotonic()])

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        # The device may be behind.
        float((logs or {})["loss"])
        self.steps[-1].append(time.monotonic())

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self.scored.append(time.monotonic())
