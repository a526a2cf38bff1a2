"""Scores of every task on a table, beside those of an answer that looks at nothing."""

from typing import Any

import numpy as np

from plait.errors import DataError
from plait.inference import Predictor, Scores, row_weights, score
from plait.table import Table


def evaluate(predictor: Predictor, table: Any, weights: np.ndarray | None = None) -> Scores:
    """Each task's scores on the labelled rows of a table, `{task: {metric: value}}`.

    Args:
        predictor: a fitted model.
        table: a `Table`, or whatever `Table.read` takes.
        weights: `(rows,)`, each row's weight in the scores; if None, the column that weighed rows
            in training, where the table has it, else 1.

    Raises:
        DataError: no target column, no label at all, or a cell that cannot be read.
    """
    table = predictor.declaration.table(table)
    check_targets(predictor, table)
    weights = weights_for(predictor, table) if weights is None else weights
    declaration = predictor.declaration
    logits = predictor.answers(declaration.rows(table)).logits
    scores = score(declaration.tasks_in(table), logits, table, weights)
    demand_scores(predictor, table, scores)
    return scores


def trivial_scores(predictor: Predictor, table: Any, weights: np.ndarray | None = None) -> Scores:
    """The scores of the answer that looks at nothing, to stand beside those of `evaluate`.

    See `Task.trivial_logits`.

    Args, Raises: see `evaluate`.
    """
    table = predictor.declaration.table(table)
    check_targets(predictor, table)
    weights = weights_for(predictor, table) if weights is None else weights
    tasks = predictor.declaration.tasks_in(table)
    logits = {n: np.repeat(task.trivial_logits(), len(table), axis=0) for n, task in tasks.items()}
    return score(tasks, logits, table, weights)


def weights_for(predictor: Predictor, table: Table) -> np.ndarray | None:
    """The weights of the table's rows by the column that weighed them in training, if any."""
    column = predictor.declaration.weight
    return row_weights(table, column) if column is not None and column in table else None


def demand_scores(predictor: Predictor, table: Table, scores: Scores) -> None:
    """Refuses a table in which no task could be scored.

    Raises:
        DataError: no label at all.
    """
    if not scores:
        targets = targets_of(predictor)
        raise DataError(
            f"{table.name} has no label to score against: none of its {len(table)} rows has one of "
            f"a weight above 0 in {targets}. Score rows with labels; to answer rows "
            "without, predict."
        )


def check_targets(predictor: Predictor, table: Table) -> None:
    """Refuses a table without any target column.

    Raises:
        DataError: it has none.
    """
    asked = predictor.declaration.tasks_in(table)
    if not any(task.is_in(name, table) for name, task in asked.items()):
        raise DataError(
            f"{table.name} has no target column to score against. Expected at least one of: "
            f"{targets_of(predictor)}."
        )


def targets_of(predictor: Predictor) -> str:
    """What its tasks are scored against, for a message."""
    told = {
        name: task.columns(name) or (" + ".join(task.of_features),)
        for name, task in predictor.tasks.items()
    }
    return ", ".join(column for columns in told.values() for column in columns)
