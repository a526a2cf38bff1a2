"""How a model does by which inputs a row had."""

from typing import Any

import numpy as np
import pyarrow as pa

from plait.evaluation._evaluate import check_targets, demand_scores, weights_for
from plait.inference import Predictor, score


def by_presence(predictor: Predictor, table: Any, weights: np.ndarray | None = None) -> pa.Table:
    """One row of main scores for each set of inputs that rows of the table had.

    Args:
        predictor: a fitted model.
        table: a `Table`, or whatever `Table.read` takes.
        weights: see `evaluate`.

    Returns:
        Columns `present` (names joined by " + ", or "nothing"), `rows`, and `<task>.<score>` for
        each task, null where no row of the set is labelled; the largest set of rows first, after a
        first line `all rows`.

    Raises:
        DataError: no target column, no label at all, or a cell that cannot be read.
    """
    table = predictor.declaration.table(table)
    check_targets(predictor, table)
    weights = weights_for(predictor, table) if weights is None else weights
    answers = predictor.answers(predictor.declaration.rows(table))
    names = list(predictor.features)
    patterns = np.stack([answers.presence[name] for name in names], axis=1)
    distinct, which = np.unique(patterns, axis=0, return_inverse=True)
    which = which.reshape(-1)
    groups = [("all rows", np.arange(len(table)))]
    for number in np.argsort(-np.bincount(which), kind="stable"):
        present = [name for name, there in zip(names, distinct[number], strict=True) if there]
        groups.append((" + ".join(present) or "nothing", np.flatnonzero(which == number)))
    lines: list[dict[str, Any]] = []
    for label, rows in groups:
        some = table.take(rows)
        scores = score(
            predictor.declaration.tasks_in(some),
            {task: logits[rows] for task, logits in answers.logits.items()},
            some,
            None if weights is None else weights[rows],
        )
        if not lines:
            demand_scores(predictor, table, scores)
        line = {"present": label, "rows": len(rows)}
        for name, task in predictor.tasks.items():
            line[f"{name}.{task.main_score}"] = scores.get(name, {}).get(task.main_score)
        lines.append(line)
    return pa.Table.from_pylist(lines)
