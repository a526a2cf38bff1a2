"""Scores of every task on a table, beside those of an answer that looks at nothing."""

from typing import Any

import numpy as np

from plait.errors import DataError
from plait.inference import Predictor, Scores, score
from plait.table import Table


def evaluate(predictor: Predictor, table: Any, weights: np.ndarray | None = None) -> Scores:
    """Each task's scores on the labelled rows of a table, `{task: {metric: value}}`.

    Args:
        predictor: a fitted model.
        table: a `Table`, or whatever `Table.read` takes.
        weights: `(rows,)`, each row's weight in the scores, or None for 1.

    Raises:
        DataError: no target column, no label at all, or a cell that cannot be read.
    """
    table = table if isinstance(table, Table) else Table.read(table)
    check_targets(predictor, table)
    return score(predictor.tasks, predictor.logits(table), table, weights)


def check_targets(predictor: Predictor, table: Table) -> None:
    """Refuses a table without any target column.

    Raises:
        DataError: it has none.
    """
    wanted = [task.column or name for name, task in predictor.tasks.items()]
    if not any(column in table for column in wanted):
        raise DataError(
            f"{table.source} has no target column to score against. Expected at least one of: "
            f"{', '.join(wanted)}."
        )
