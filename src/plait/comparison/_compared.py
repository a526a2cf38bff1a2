"""One way to answer a table's tasks, and what its runs came to."""

import math
from dataclasses import dataclass, field

from plait.comparison._candidates import Candidate
from plait.comparison._jobs import Ended


@dataclass(frozen=True)
class Alone:
    """One task by itself, everything else as it is written."""

    task: str

    @property
    def name(self) -> str:
        """As messages and tables have it."""
        return f"{self.task} alone"


Way = Candidate | Alone


@dataclass
class Compared:
    """One way, and how its runs ended.

    Attributes:
        way: what was run.
        runs: by seed.
    """

    way: Way
    runs: dict[int, Ended] = field(default_factory=dict)

    @property
    def finished(self) -> dict[int, Ended]:
        """Those that came to their end."""
        return {seed: run for seed, run in sorted(self.runs.items()) if run.how == "finished"}

    @property
    def gains(self) -> dict[int, float]:
        """Their mean gains."""
        found = {seed: run.gain for seed, run in self.finished.items()}
        return {seed: gain for seed, gain in found.items() if not math.isnan(gain)}

    def gains_of(self, task: str) -> dict[int, float]:
        """The gains of a task."""
        found = {seed: run.gains.get(task) for seed, run in self.finished.items()}
        return {seed: gain for seed, gain in found.items() if gain is not None}

    def scores_of(self, task: str, metric: str) -> list[float]:
        """The scores of a task."""
        found = [run.scores.get(task, {}).get(metric) for run in self.finished.values()]
        return [score for score in found if score is not None]

    @property
    def why_not(self) -> str:
        """Why some run did not come to its end; empty if all did."""
        for run in self.runs.values():
            if run.how != "finished":
                last = run.said.splitlines()[-1] if run.said else ""
                return f"{self.way.name} was {run.how}. {last}".strip()
        return ""

    def mean(self, what: str) -> float:
        """Of an attribute of `Ended`, over the runs that came to their end."""
        values = [getattr(run, what) for run in self.finished.values()]
        return sum(values) / len(values) if values else math.nan
