"""From logits and labels to scores, and to the one number that models are compared by."""

from collections.abc import Mapping

import numpy as np

from plait.table import Table
from plait.tasks import Task

Scores = dict[str, dict[str, float]]
"""`{task: {metric: value}}`."""


def score(
    tasks: Mapping[str, Task],
    logits: Mapping[str, np.ndarray],
    table: Table,
    weights: np.ndarray | None = None,
) -> Scores:
    """Each task's scores over its labelled rows.

    Args:
        tasks: fitted tasks by name.
        logits: `{task: (rows, *answer)}`.
        table: the same rows, with target columns; a task without its column, or without a label in
            it, is left out.
        weights: `(rows,)`, or None for 1.

    Raises:
        DataError: a label that the task cannot read.
    """
    scores = {}
    for name, task in tasks.items():
        column = task.column or name
        if column in table:
            found = task.scores(logits[name], table.column(column), weights)
            if found:
                scores[name] = found
    return scores


def gains(tasks: Mapping[str, Task], scores: Scores) -> dict[str, float]:
    """How far each scored task has come from its trivial answer, 0, to a perfect one, 1."""
    return {name: task.gain(scores[name]) for name, task in tasks.items() if name in scores}


def mean_gain(tasks: Mapping[str, Task], scores: Scores) -> float:
    """The mean of the scored tasks' gains; NaN if no task was scored."""
    found = list(gains(tasks, scores).values())
    return float(np.mean(found)) if found else float("nan")
