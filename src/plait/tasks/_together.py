"""All tasks of a model, fitted to one table."""

from collections.abc import Mapping

import numpy as np

from plait.features import Feature
from plait.table import Table
from plait.tasks._dense_task import DenseTask
from plait.tasks._task import Task


def features_for(
    features: Mapping[str, Feature], tasks: Mapping[str, Task], width: int
) -> dict[str, Feature]:
    """The features as the tasks that are of one need them, where that was left open.

    Args:
        features: declared, by name.
        tasks: by name; one of a feature that is not there changes nothing.
        width: of an encoder that is chosen.
    """
    chosen = dict(features)
    for task in tasks.values():
        if isinstance(task, DenseTask) and task.of in chosen:
            chosen[task.of] = task.feature_for(chosen[task.of], width)
    return chosen


def fit_tasks(
    tasks: Mapping[str, Task],
    features: Mapping[str, Feature],
    table: Table,
    weights: np.ndarray | None = None,
) -> dict[str, Task]:
    """Fits each task to its labels of the training rows.

    Args:
        tasks: by name.
        features: fitted, by name.
        table: the training rows.
        weights: `(rows,)`, each row's weight, or None for 1.

    Raises:
        DataError: no such column, or one that the task cannot learn from.
    """
    asked = {name: task.beside(features, table) for name, task in tasks.items()}
    return {name: task.fit(task.column_in(name, table), weights) for name, task in asked.items()}
