"""Which rows can teach something, counted before training says anything."""

from collections.abc import Mapping

import numpy as np

from plait.table import Table
from plait.tasks import Task


def labelled_rows(tasks: Mapping[str, Task], table: Table) -> dict[str, np.ndarray]:
    """For each task, which rows have a label, `(rows,)` bool; none without the column.

    Args:
        tasks: fitted tasks by name, as they are asked about these rows.
        table: rows with target columns.

    Raises:
        DataError: a label that the task cannot read, such as a class that training never saw.
    """
    return {
        name: task.targets(task.column_in(name, table)).labelled
        if task.is_in(name, table)
        else np.zeros(len(table), bool)
        for name, task in tasks.items()
    }


def label_coverage(labelled: Mapping[str, np.ndarray]) -> dict[str, dict[str, int]]:
    """`{task: {"labelled": rows with a label, "rows": all rows}}`."""
    return {
        name: {"labelled": int(there.sum()), "rows": len(there)} for name, there in labelled.items()
    }
