"""What a run will take, by a few of its steps."""

import dataclasses
import math
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from plait.balancing import Balancer
from plait.training._bytes import read_bytes
from plait.training._checkpoint import KEPT
from plait.training._every import Every
from plait.training._memory import forget_most
from plait.training._prepared import Prepared
from plait.training._run_folder import write_run
from plait.training._settings import Training
from plait.training._trial import VALIDATED, Trial, size_of, trial

_STEPS = 16
"""Of two epochs: where the gradients are looked at now and then, as many in each do as in a run."""
_COMPILED = 2
"""Steps that may compile: one that looks at the gradients, and one that does not."""


class Spent:
    """Begins to measure: time and memory from here on are the run's."""

    def __init__(self) -> None:
        forget_most()
        self.since = time.monotonic()


@dataclass(frozen=True)
class Estimate:
    """What a run will take.

    Attributes:
        settings: that it trains with.
        start: seconds to the end of the first step: reading, fitting features, compiling.
        first_epoch: seconds of the first epoch after that; media are decoded in it.
        epoch: seconds of each epoch after it, with scores and checkpoints.
        end: seconds to write what the run leaves.
        memory: the most bytes at once, of the process, or of the device where it has its own.
        disk: the most bytes at once in the run's folder.
        disk_left: the bytes in it when the run is over.
        cached: the bytes that decoded media take in the cache folder.
    """

    settings: Training
    start: float
    first_epoch: float
    epoch: float
    end: float
    memory: int
    disk: int
    disk_left: int
    cached: int

    @property
    def seconds(self) -> float:
        """Of the whole run, if it does not stop early."""
        whole = self.start + self.first_epoch + ((self.settings.epochs or 1) - 1) * self.epoch
        return self.end + min(whole, self.start + 60 * (self.settings.max_minutes or math.inf))

    @property
    def is_too_much(self) -> bool:
        """Whether it would be stopped for its memory."""
        most = self.settings.max_memory
        return most is not None and self.memory > read_bytes("max_memory", most)


def estimate(
    ready: Prepared, balancing: Balancer | None, documents: Mapping[str, Any], spent: Spent
) -> Estimate:
    """Trains for a few steps, twice on the same rows: what is compiled and decoded once counts once.

    Args:
        ready: what the run trains on.
        balancing: see `train`.
        documents: what the run's folder holds from its start, by name.
        spent: since before the tables were read.

    Raises:
        DataError, ConfigError, BalancingError, DivergedError: as the run would.
    """
    settings = ready.settings
    done = trial(ready, balancing, steps=_STEPS, epochs=2)
    start, first, later = _seconds(ready, done)
    every, epochs = Every.read(settings.checkpoint_every), settings.epochs or 1
    saving = done.steps[1][0] - done.scored[0]
    steps = ready.batches.steps
    written = (
        epochs * steps / every.steps
        if every.steps
        else (first + (epochs - 1) * later) / (every.seconds or 1)
    )
    with tempfile.TemporaryDirectory() as folder:
        history = [dataclasses.replace(done.trained.best, number=n + 1) for n in range(epochs)]
        began = time.monotonic()
        write_run(Path(folder), done.trained.predictor, history, documents)
        end, left = time.monotonic() - began, size_of(Path(folder))
    most = 0 if ready.disk is None else ready.disk.most_bytes
    cached = min(most, int(done.cached * ready.rows))
    # A new checkpoint is whole before the oldest goes, and at the end the model comes beside them.
    checkpoints = min(int(written), KEPT + 1) * done.checkpoint
    return Estimate(
        settings=settings,
        start=start - spent.since,
        first_epoch=first + saving * written / epochs,
        epoch=later + saving * written / epochs,
        end=end,
        memory=done.memory + ready.unread_bytes,
        disk=left + checkpoints,
        disk_left=left,
        cached=cached,
    )


def _seconds(ready: Prepared, done: Trial) -> tuple[float, float, float]:
    """When the first steps are over, and how long the rest of that epoch takes, and a later one."""
    (_, *cold), (again, *warm) = done.steps
    last = min(_COMPILED, len(cold))
    step = (warm[-1] - again) / len(warm)
    new = (cold[-1] - cold[last - 1]) / (len(cold) - last) if len(cold) > last else step
    share = 1.0
    if ready.validation is not None:
        share = max(1.0, len(ready.validation.table) / VALIDATED)
    scoring = share * (done.scored[1] - warm[-1])
    compiling = max(0.0, (done.scored[0] - cold[-1]) - (done.scored[1] - warm[-1]))
    steps = ready.batches.steps
    return (
        cold[last - 1] + compiling,
        max(0, steps - last) * new + scoring,
        steps * step + scoring,
    )
