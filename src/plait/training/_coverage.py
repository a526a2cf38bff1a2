"""What the table has and lacks, counted before training says anything."""

from collections.abc import Mapping

import numpy as np

from plait.errors import DataError
from plait.table import Table
from plait.tasks import Task


def labelled_rows(tasks: Mapping[str, Task], table: Table) -> dict[str, np.ndarray]:
    """For each task, which rows have a label, `(rows,)` bool; none without the column."""
    labelled = {}
    for name, task in tasks.items():
        column = task.column or name
        if column in table:
            labelled[name] = ~table.column(column).is_missing(task.missing)
        else:
            labelled[name] = np.zeros(len(table), bool)
    return labelled


def rows_with_a_label(tasks: Mapping[str, Task], table: Table) -> np.ndarray:
    """The indices of the rows that can teach something: those with any label.

    Raises:
        DataError: there is none.
    """
    rows = np.flatnonzero(np.any(list(labelled_rows(tasks, table).values()), axis=0))
    if not len(rows):
        raise DataError(
            f"No training row of {table.source} has a label of any task "
            f"({', '.join(task.column or name for name, task in tasks.items())})."
        )
    return rows


def label_coverage(tasks: Mapping[str, Task], table: Table) -> dict[str, dict[str, int]]:
    """`{task: {"labelled": rows with a label, "rows": all rows}}`."""
    return {
        name: {"labelled": int(there.sum()), "rows": len(table)}
        for name, there in labelled_rows(tasks, table).items()
    }
