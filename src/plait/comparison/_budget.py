"""How a comparison keeps to the time that it was given."""

import math
import time

from plait.errors import ConfigError

_ROUNDING = 1e-9
LEAST_MINUTES = 0.2
_OVERHEAD = 0.25
"""Minutes of a run that are no training: reading the table, and compiling."""


class Pace:
    """How long the runs of a comparison take, and whether there is time for more.

    Args:
        until: when all are to be over, by `time.monotonic`; None for never.
        workers: how many runs go side by side.
    """

    def __init__(self, until: float | None, workers: int) -> None:
        self._until = math.inf if until is None else until
        self._workers = workers
        self._began: dict[str, float] = {}
        self._took: list[float] = []

    def begins(self, name: str) -> None:
        """A run has begun."""
        self._began[name] = time.monotonic()

    def ends(self, name: str) -> None:
        """A run has come to its end."""
        self._took.append(time.monotonic() - self._began[name])

    def minutes_beyond(self, runs: int) -> float:
        """How long after its time so many further runs would end; 0 if not, or if that is not known."""
        if not self._took:
            return 0.0
        needed = runs * sum(self._took) / len(self._took) / self._workers
        return max(0.0, (time.monotonic() + needed - self._until) / 60)


def least_minutes(runs: int, workers: int, each: float = LEAST_MINUTES) -> float:
    """The smallest budget that leaves so many runs so many minutes of training each."""
    return (each + _OVERHEAD) * math.ceil(runs / workers)


def minutes_a_run(budget: float, runs: int, workers: int) -> float:
    """What each run may train, so that all of them together keep a budget.

    Args:
        budget: minutes.
        runs: how many there are at most.
        workers: how many go side by side.

    Raises:
        ConfigError: hardly any would be left.
    """
    each = budget / math.ceil(runs / workers) - _OVERHEAD
    if each < LEAST_MINUTES - _ROUNDING:
        needed = math.ceil(least_minutes(runs, workers))
        raise ConfigError(
            f"{runs} runs, {workers} at once, in {budget:.2g} minutes leave {60 * max(each, 0):.0f} "
            f"seconds of training to each. Allow {needed} minutes or more (--budget), or compare less."
        )
    return each
