"""From logits and labels to scores, and to the one number that models are compared by."""

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa

from plait.errors import DataError
from plait.table import Column, Table
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
        tasks: fitted tasks by name, as they are asked about these rows.
        logits: `{task: (rows, *answer)}`.
        table: the same rows, with target columns; a task without its column, or without a label in
            it, is left out.
        weights: `(rows,)`, or None for 1.

    Raises:
        DataError: a label that the task cannot read.
    """
    scores = {}
    for name, task in tasks.items():
        if task.is_in(name, table):
            found = task.scores(logits[name], task.column_in(name, table), weights)
            if found:
                scores[name] = found
    return scores


def gains(tasks: Mapping[str, Task], scores: Scores) -> dict[str, float]:
    """How far each scored task has come from its trivial answer, 0, to a perfect one, 1."""
    return {name: task.gain(scores[name]) for name, task in tasks.items() if name in scores}


def mean_gain(tasks: Mapping[str, Task], scores: Scores) -> float:
    """The mean of the gains of the main tasks that were scored; NaN if none was."""
    found = [gain for task, gain in gains(tasks, scores).items() if not tasks[task].auxiliary]
    return float(np.mean(found)) if found else float("nan")


def alike(tasks: Mapping[str, Task], table: Table, weights: np.ndarray | None = None) -> list[str]:
    """The main tasks of one class whose labels in some rows are all the same, as a constant answers.

    Args:
        tasks: fitted tasks by name, as they are asked about these rows.
        table: the rows.
        weights: `(rows,)`, or None for 1; a row of weight 0 is left out.
    """
    found = []
    for name, task in tasks.items():
        if task.one_class and not task.auxiliary and task.is_in(name, table):
            targets = task.targets(task.column_in(name, table))
            counts = targets.labelled if weights is None else targets.labelled & (weights > 0)
            labels = np.asarray(targets.values)[counts]
            if len(labels) and (labels == labels[0]).all():
                found.append(name)
    return found


def mean_scores(scores: Sequence[Scores]) -> Scores:
    """The mean of each metric over those of the scores that have it."""
    met: dict[str, dict[str, list[float]]] = {}
    for one in scores:
        for task, metrics in one.items():
            for metric, value in metrics.items():
                met.setdefault(task, {}).setdefault(metric, []).append(value)
    return {
        task: {metric: float(np.mean(values)) for metric, values in metrics.items()}
        for task, metrics in met.items()
    }


def row_weights(table: Table, column: str) -> np.ndarray:
    """The weights of a table's rows, `(rows,)` float64.

    Raises:
        DataError: no such column, or a cell that is empty, no number, negative or infinite.
    """
    cells = table.column(column)
    try:
        numbers = cells.values.cast(pa.float64(), safe=False)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        odd = (i for i, cell in enumerate(cells.values) if not _reads_as_number(cell))
        raise _no_weight(cells, next(odd, 0)) from error
    weights = np.array(numbers.to_numpy(), dtype="float64")
    wrong = np.flatnonzero(~(np.isfinite(weights) & (weights >= 0)))
    if len(wrong):
        raise _no_weight(cells, int(wrong[0]))
    return weights


def _no_weight(cells: Column, place: int) -> DataError:
    return DataError(
        f"{cells.where(place)}: a weight is a finite number from 0 up. "
        f"Received: {cells.values[place].as_py()!r}."
    )


def _reads_as_number(cell: pa.Scalar) -> bool:
    try:
        cell.cast(pa.float64(), safe=False)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return False
    return True
