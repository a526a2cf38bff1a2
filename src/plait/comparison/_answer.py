"""What a comparison came to, in numbers and in words."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from plait.comparison._candidates import Candidate
from plait.comparison._compared import Alone, Compared
from plait.comparison._statistics import Interval, Spread, compared, difference, front, interval
from plait.tasks import Task


@dataclass(frozen=True)
class Verdict:
    """Whether the tasks helped one of them.

    Attributes:
        task: which.
        gained: its gain beside the others less its gain alone, seed by seed.
        together: the mean of its main score beside the others.
        alone: the same alone.
        said: why there is no run alone.
    """

    task: str
    gained: Interval
    together: float
    alone: float
    said: str = ""

    @property
    def word(self) -> str:
        """In a word."""
        if self.gained.is_above_zero:
            return "helped"
        return "hurt" if self.gained.is_below_zero else "no difference shown"


@dataclass(frozen=True)
class Answer:
    """What a comparison came to.

    Attributes:
        compared: every way; the config as it is written is the first.
        tasks: the main tasks.
        seeds: that each way should have.
        about: what was compared: rows, budget, and the like.
    """

    compared: Sequence[Compared]
    tasks: Mapping[str, Task]
    seeds: Sequence[int]
    about: str = ""

    @property
    def candidates(self) -> list[Compared]:
        """The ways to answer all tasks."""
        return [one for one in self.compared if isinstance(one.way, Candidate)]

    @property
    def whole(self) -> list[Compared]:
        """Those of them that have finished with every seed."""
        return [one for one in self.candidates if set(self.seeds) <= one.finished.keys()]

    @property
    def own(self) -> Compared:
        """The config as it is written."""
        return self.candidates[0]

    @property
    def front(self) -> set[str]:
        """Those that no other beats in mean gain at as little time for an epoch."""
        return front({o.way.name: (interval(_gains(o)).mean, o.mean("pace")) for o in self.whole})

    @cached_property
    def spread(self) -> Spread | None:
        """Of the mean gains of those that have finished with every seed."""
        return Spread.of([one.gains for one in self.whole if len(one.gains) >= len(self.seeds)])

    def over_own(self, one: Compared) -> Interval:
        """Its mean gain less that of the config as it is written; wide enough for all at once."""
        others = max(1, len(self.candidates) - 1)
        return compared(one.gains, self.own.gains, others, self.spread)

    @cached_property
    def winner(self) -> Compared:
        """The best of those that are shown to be better than the config as it is written; else that.
        Where it did not come to its end, the best of all.
        """
        if not self.own.gains:
            return self._best or self.own
        shown = [one for one in self.whole if self.over_own(one).is_above_zero]
        return _highest(shown) or self.own

    @property
    def _best(self) -> Compared | None:
        """The one of the highest mean gain, shown or not."""
        return _highest(self.whole)

    @property
    def verdicts(self) -> list[Verdict]:
        """Of each task that was run alone, too, against the config as it is written, of which alone has
        the encoders and the fusion; wide enough for all at once.
        """
        alone = {one.way.task: one for one in self.compared if isinstance(one.way, Alone)}
        return [
            Verdict(
                task,
                difference(self.own.gains_of(task), alone[task].gains_of(task), others=len(alone)),
                self.score(self.own, task).mean,
                self.score(alone[task], task).mean,
                alone[task].why_not,
            )
            for task in self.tasks
            if task in alone
        ]

    def score(self, one: Compared, task: str) -> Interval:
        """A task's main score over the seeds."""
        return interval(one.scores_of(task, self.tasks[task].main_score))

    @property
    def advice(self) -> str:
        """In plain sentences."""
        said = self._of_candidates() if len(self.candidates) > 1 else []
        if len(self.candidates) == 1 and not self.own.gains:
            said = [f"The config as it is written did not come to its end: {self.own.why_not}"]
        return " ".join([*said, *map(self._of_task, self.verdicts), *self._too_short()])

    def _of_candidates(self) -> list[str]:
        best, own = self._best, self.own
        if best is None:
            return [f"No candidate has come to its end with every seed. {own.why_not}".strip()]
        if not own.gains:
            return [
                f"{own.way.name}, as the config has it, did not come to its end: {own.why_not} Of the "
                f"others {best.way.name} was the best."
            ]
        winner = self.winner
        if winner is not own:
            return [
                f"Take {winner.way.name}: its mean gain is {_between(self.over_own(winner))} above "
                f"that of {own.way.name}, as the config has it.",
                *self._higher_by_chance(best),
                *self._cheaper(),
            ]
        if self.whole == [own]:
            return [f"None but {own.way.name}, as the config has it, has come to its end: keep it."]
        if len(self.seeds) == 1:
            return [
                f"One seed tells no difference from chance: {best.way.name} was the best of "
                f"{len(self.whole)}. Give --seeds 3 or more."
            ]
        higher = ""
        if best is not own:
            higher = f"{best.way.name} came out highest, by {_between(self.over_own(best))}. "
        ended, others = sum(one is not own for one in self.whole), "the others"
        if ended < len(self.candidates) - 1:
            others = f"the {ended} of {len(self.candidates) - 1} others that came to their end"
        return [
            f"{higher}Between {own.way.name}, as the config has it, and {others} there is no "
            "difference that this data can show in their favour: keep it.",
            *self._cheaper(),
        ]

    def _higher_by_chance(self, best: Compared) -> list[str]:
        """What came out above the winner, and is not shown to be above the config as it is written."""
        if best is self.winner:
            return []
        return [
            f"{best.way.name} came out higher, by {_between(self.over_own(best))}, which this data "
            "cannot show to be more than chance."
        ]

    def _cheaper(self) -> list[str]:
        """Whether as much can be had sooner."""
        winner = self.winner
        sooner = [
            one
            for one in self.whole
            if one is not winner
            and one.mean("pace") < 0.8 * winner.mean("pace")
            and not compared(winner.gains, one.gains, 1, self.spread).is_above_zero
        ]
        if len(self.seeds) == 1 or not sooner:
            return []
        one = min(sooner, key=lambda o: o.mean("pace"))
        share = one.mean("pace") / winner.mean("pace")
        return [
            f"{one.way.name} takes {share:.2f} of its time an epoch and is not shown to be worse."
        ]

    def _too_short(self) -> list[str]:
        """Whether runs ended before they had learnt what they would have."""
        runs = [run for one in self.compared for run in one.finished.values()]
        short = [run for run in runs if run.ended]
        if not short:
            return []
        first = min(short, key=lambda run: run.epochs)
        return [
            f"{len(short)} of {len(runs)} runs ended before their last epoch. Of one: {first.ended} "
            "What learns slowly, or compiles long, looks worse by that than it is. Where it was the "
            "time, allow more (--budget)."
        ]

    def _of_task(self, verdict: Verdict) -> str:
        found = f"{_between(verdict.gained)} of gain"
        if not verdict.gained.count:
            why = verdict.said or self.own.why_not
            return f"Whether the other tasks helped '{verdict.task}' is not known: {why}"
        if verdict.gained.count == 1:
            return f"Whether the other tasks helped '{verdict.task}', one seed cannot tell."
        if verdict.word == "no difference shown":
            return (
                f"Whether the other tasks helped '{verdict.task}' or hurt it, this data cannot show "
                f"({found})."
            )
        return f"The other tasks {verdict.word} '{verdict.task}' ({found})."


def _highest(some: Sequence[Compared]) -> Compared | None:
    """The one of the highest mean gain, of those that have one."""
    known = [one for one in some if not math.isnan(interval(_gains(one)).mean)]
    return max(known, key=lambda one: interval(_gains(one)).mean, default=None)


def _gains(one: Compared) -> list[float]:
    return list(one.gains.values())


def _between(found: Interval) -> str:
    if math.isinf(found.half):
        return _signed(found.mean)
    return f"{_signed(found.mean)} ({_signed(found.low)} to {_signed(found.high)})"


def _signed(value: float) -> str:
    # Rounding leaves a -0.0, which would read as a difference.
    return f"{round(value, 4) + 0.0:+.4f}"
