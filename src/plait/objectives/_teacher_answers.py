"""A teacher's answers, as `plait predict` writes them, in the form of a task's logits."""

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from plait._names import did_you_mean
from plait.errors import DataError
from plait.table import Column
from plait.tasks import Quantiles, Targets, Task
from plait.tasks._labels import as_text, labelled_rows
from plait.tasks._numbers import numbers

_CLOSE = 1e-3
"""How far probabilities may be from adding up to 1."""

_PARTS = {"number": "", "log mean": "", "numbers": ".quantiles"}


def answer_column(name: str, task: Task) -> str:
    """The column in which `plait predict` writes what a task's logits say.

    Args:
        name: of the task.
        task: any that `Distill` can be of.
    """
    return name + _PARTS.get(str(task.gives), ".probabilities")


def taught_targets(cells: Column, task: Task) -> Targets:
    """What a teacher answers; rows for which it says nothing are not labelled.

    Args:
        cells: as in `answer_column`, or the records' JSON text.
        task: fitted.

    Returns:
        Values `(rows, answers)`: probabilities in the order of the task's classes, or standardised
        quantiles; or `(rows,)`, a standardised number, or a mean of counts as it is.

    Raises:
        DataError: a cell that is no such answer.
    """
    if task.gives == "number":
        return task.targets(cells)
    if task.gives == "log mean":
        return _means(cells)
    return _quantiles(cells, task) if isinstance(task, Quantiles) else _probabilities(cells, task)


def _means(cells: Column) -> Targets:
    labelled = labelled_rows(cells, ())
    found = numbers(labelled, "Distill")
    if (found < 0).any():
        first = int(np.flatnonzero(found < 0)[0])
        raise DataError(
            f"{cells.where(int(labelled.rows[first]))}: Distill expects means of counts, from 0 up. "
            f"Received: {found[first]:g}."
        )
    values = np.zeros(len(cells), "float32")
    values[labelled.rows] = found
    return Targets(values, labelled.flags)


def _quantiles(cells: Column, task: Quantiles) -> Targets:
    names = [f"{level:g}" for level in task.levels]
    records = _records(cells)
    for row, record in enumerate(records):
        if record is not None and not _is_of(record, names):
            raise DataError(
                f"{cells.where(row)}: Distill expects a record with the quantile of each of the "
                f"task's levels, {', '.join(names)}. Received: {record!r}."
            )
    columns = [[None if r is None else r[name] for r in records] for name in names]
    levels = [
        task.targets(cells.with_values(pa.chunked_array([pa.array(column, pa.float64())])))
        for column in columns
    ]
    values = np.stack([np.asarray(level.values) for level in levels], axis=-1)
    return Targets(values, np.all([level.labelled for level in levels], axis=0))


def _is_of(record: Any, names: list[str]) -> bool:
    """Whether it has a number, or nothing, for each of these names and for no other."""
    if not isinstance(record, Mapping) or set(record) != set(names):
        return False
    return all(value is None or isinstance(value, int | float) for value in record.values())


def _records(cells: Column) -> list[Any]:
    """Each cell, None where it is empty; a text is read as JSON."""
    return [
        json.loads(cell) if isinstance(cell, str) and cell else cell or None
        for cell in cells.values.to_pylist()
    ]


def _probabilities(cells: Column, task: Task) -> Targets:
    """`(rows, answers)` in the order of the task's classes, of records by class."""
    classes = task.learnt["labels" if "labels" in task.learnt else "classes"]
    names = as_text(pa.array(classes)).to_pylist()
    records = _records(cells)
    labelled = np.array([record is not None for record in records], bool)
    values = np.zeros((len(records), len(names)), "float32")
    for row in np.flatnonzero(labelled):
        values[row] = _read(records[row], names, cells, int(row), one=task.one_class)
    if task.gives == "yes or no" and task.one_class:
        values = values[:, 1:]
    return Targets(values, labelled)


def _read(record: Any, names: list[str], cells: Column, row: int, one: bool) -> list[float]:
    if not isinstance(record, Mapping):
        raise DataError(
            f"{cells.where(row)}: Distill expects a record with a probability for each class, such as "
            f"{{{names[0]!r}: 0.9, ...}}. Received: {record!r}."
        )
    for name in record:
        if name not in names:
            raise DataError(
                f"{cells.where(row)}: the teacher answers '{name}', which is no class of the training "
                f"labels.{did_you_mean(str(name), names)}"
            )
    found = [record.get(name) or 0.0 for name in names]
    sums = not one or abs(sum(found) - 1) < _CLOSE
    if not sums or not all(0 <= p <= 1 + _CLOSE for p in found):
        raise DataError(
            f"{cells.where(row)}: probabilities are from 0 to 1"
            f"{' and add up to 1' if one else ''}. Received: {record!r}."
        )
    return found
