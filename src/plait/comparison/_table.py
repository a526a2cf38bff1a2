"""A comparison as a table of text: one line a way."""

import math
from collections.abc import Iterator

from plait.comparison._answer import Answer
from plait.comparison._candidates import Candidate
from plait.comparison._compared import Compared
from plait.comparison._statistics import Interval, interval

LEFT = (0, 1)
"""Columns of words."""


def head(answer: Answer) -> list[str]:
    """The names of the columns."""
    scores = [f"{name} {task.main_score}" for name, task in answer.tasks.items()]
    return ["way", "", "mean gain", *scores, "seconds", "an epoch", "MB", "seeds"]


def lines(answer: Answer) -> Iterator[list[str]]:
    """A line of cells for each way; those with the highest mean gain first, tasks alone last."""
    order = sorted(
        answer.compared,
        key=lambda one: (not isinstance(one.way, Candidate), -_or_lowest(_gain(one).mean)),
    )
    for one in order:
        together = isinstance(one.way, Candidate)
        yield [
            one.way.name,
            _note(answer, one),
            spelt(_gain(one)) if together else "",
            *(spelt(answer.score(one, task)) for task in answer.tasks),
            _number(one.mean("seconds"), ".0f"),
            _number(one.mean("pace"), ".3g"),
            _number(one.mean("megabytes"), ".1f"),
            str(len(one.finished)),
        ]


def spelt(found: Interval) -> str:
    """`0.912 ± 0.004`, or the mean alone where one seed has no spread."""
    if not found.count:
        return ""
    if math.isinf(found.half):
        return f"{found.mean:.4f}"
    return f"{found.mean:.4f} ± {found.half:.4f}"


def _gain(one: Compared) -> Interval:
    return interval(list(one.gains.values()))


def _or_lowest(value: float) -> float:
    return -math.inf if math.isnan(value) else value


def _number(value: float, form: str) -> str:
    return "" if math.isnan(value) else format(value, form)


def _note(answer: Answer, one: Compared) -> str:
    for run in one.runs.values():
        if run.how == "stopped":
            return f"stopped after {run.epochs} epochs at {run.gain:.4f}"
        if run.how != "finished":
            last = run.said.splitlines()[-1] if run.said else ""
            return f"{run.how}: {last}"
    notes = []
    if isinstance(one.way, Candidate):
        if one.way.own:
            notes.append("as written")
        if one is answer.winner:
            notes.append("taken")
        if len(answer.whole) > 1 and one.way.name in answer.front:
            notes.append("front")
    return ", ".join(notes)
