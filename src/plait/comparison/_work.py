"""Several runs side by side, as a plan gives them out, on all cores."""

import os
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import Any

from plait._held_folder import wait_until_free
from plait._signals import handled
from plait.comparison._jobs import Child, Ended, Job
from plait.errors import StoppedError

_PAUSE = 0.2
_MOST_WORKERS = 4
_LAST_CHECKPOINT = 120.0
"""Seconds in which a run that was stopped has written it."""


class Plan(ABC):
    """Which runs there are, and what is made of their epochs."""

    @abstractmethod
    def next_job(self) -> Job | None:
        """A run to begin now; None where there is none, or none before others have ended."""

    @abstractmethod
    def epoch(self, job: Job, numbers: dict[str, Any]) -> bool:
        """An epoch of a run has ended; returns whether the run goes on."""

    @abstractmethod
    def ended(self, job: Job, ended: Ended) -> None:
        """A run has ended."""


def workers_for(asked: int | None) -> int:
    """How many runs go side by side."""
    return asked or max(1, min(_MOST_WORKERS, len(_cores())))


def work(
    plan: Plan, folder: Path, workers: int, way_out: str, deadline: float | None = None
) -> None:
    """Runs all that a plan gives out.

    Args:
        plan: gives out the runs.
        folder: where they are.
        workers: how many at once; the cores are parted among them.
        way_out: how it goes on after Ctrl-C or SIGTERM.
        deadline: when those that are under way are stopped, by `time.monotonic`; None for never.

    Raises:
        StoppedError: Ctrl-C or SIGTERM; the runs have written their checkpoints.
    """
    cores = _cores()
    shares = [cores[n::workers] or cores for n in range(workers)]
    running: dict[int, Child] = {}
    signals: list[int] = []
    with handled(lambda number, _: signals.append(number)):
        try:
            while not signals:
                for place in range(workers):
                    if place not in running and (job := plan.next_job()) is not None:
                        # One whose parent was killed ends by itself, after its checkpoint.
                        wait_until_free(folder / job.name, _LAST_CHECKPOINT)
                        running[place] = Child(job, folder, shares[place])
                if not running:
                    return
                time.sleep(_PAUSE)
                late = deadline is not None and time.monotonic() >= deadline
                for place, child in list(running.items()):
                    if late and not child.stopping:
                        child.stop()
                    over = child.is_over
                    _tell(plan, child)
                    if over:
                        del running[place]
                        plan.ended(child.job, child.ended())
        finally:
            _each(running, Child.stop)
            _each(running, Child.wait)
    raise StoppedError(signals[0], way_out=way_out)


def _tell(plan: Plan, child: Child) -> None:
    for numbers in child.epochs():
        if not child.stopping and not plan.epoch(child.job, numbers):
            child.stop()


def _each(running: dict[int, Child], call: Callable[[Child], None]) -> None:
    for child in running.values():
        call(child)


def _cores() -> list[int]:
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))
