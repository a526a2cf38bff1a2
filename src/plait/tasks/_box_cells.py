"""Reading cells that hold boxes."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from plait.errors import DataError
from plait.table import Column
from plait.tasks._labels import Labelled, where

_CORNERS = ("x0", "y0", "x1", "y1")
_FORMS = '{"x0": ..., "y0": ..., "x1": ..., "y1": ..., "label": ...} or [x0, y0, x1, y1, label]'
_LABELS: tuple[tuple[type, ...], ...] = ((bool,), (int, float), (str,))
ONE_KIND = "object"
"""The label of boxes without one."""


@dataclass(frozen=True)
class BoxLists:
    """The boxes of some rows, end to end.

    Attributes:
        labelled: the rows.
        corners: `(boxes, 4)` float64: x0, y0, x1, y1 as they stand in the cells.
        labels: one a box.
        parents: the row in `labelled` of each box.
    """

    labelled: Labelled
    corners: np.ndarray
    labels: pa.Array
    parents: np.ndarray

    def kept(self, which: np.ndarray) -> "BoxLists":
        """Some of the boxes, `(boxes,)` bool; the rows stay."""
        labels = self.labels.filter(pa.array(which))
        return BoxLists(self.labelled, self.corners[which], labels, self.parents[which])

    def refusal(self, box: Any, why: str) -> DataError:
        """The error about one box."""
        x0, y0, x1, y1 = self.corners[box].tolist()
        at = where(self.labelled, self.parents[box])
        return DataError(f"{at}: {why} Received: x0={x0}, y0={y0}, x1={x1}, y1={y1}.")


def box_lists(labelled: Labelled, labels: Column | None = None) -> BoxLists:
    """The boxes of each row.

    Args:
        labelled: rows whose cells are lists of boxes, or JSON text of such.
        labels: a column of the same rows with a list of labels, one a box; None where each box has its
            own, or all are of one kind.

    Raises:
        DataError: a cell that is no such list, a box that is none, or not as many labels.
    """
    corners: list[list[float]] = []
    found: list[Any] = []
    parents: list[int] = []
    named = None if labels is None else labels.values.to_pylist()
    for row, cell in enumerate(labelled.values.to_pylist()):
        boxes = _list(labelled, row, cell, f"a list of boxes, each {_FORMS}")
        own = None if named is None else _labels(labelled, row, named[row], len(boxes), labels)
        for place, box in enumerate(boxes):
            sides, label = _box(labelled, row, box, own is None)
            corners.append(sides)
            found.append(label if own is None else own[place])
            parents.append(row)
    lists = BoxLists(
        labelled,
        np.array(corners, "float64").reshape(-1, 4),
        _as_labels(labelled, found, parents),
        np.array(parents, "int64"),
    )
    _check_corners(lists)
    return lists


def _list(labelled: Labelled, row: int, cell: Any, expected: str) -> Sequence[Any]:
    said = cell
    if isinstance(cell, str):
        try:
            said = json.loads(cell)
        except ValueError as error:
            raise _refused(labelled, row, cell, f"{expected}, as JSON") from error
    if not isinstance(said, list):
        raise _refused(labelled, row, cell, expected)
    return said


def _labels(
    labelled: Labelled, row: int, cell: Any, boxes: int, column: Column | None
) -> Sequence[Any]:
    name = "" if column is None else column.name
    labels = _list(labelled, row, cell, f"a list of labels in the column '{name}'")
    if len(labels) != boxes:
        raise DataError(
            f"{where(labelled, row)}: Boxes expects a label for each box. Received {boxes} boxes, and "
            f"{len(labels)} labels in the column '{name}'."
        )
    return labels


def _box(labelled: Labelled, row: int, box: Any, with_label: bool) -> tuple[list[float], Any]:
    if isinstance(box, Mapping) and all(name in box for name in _CORNERS):
        sides, label = [box[name] for name in _CORNERS], box.get("label")
    elif isinstance(box, list) and len(box) in (4, 4 + with_label):
        sides, label = box[:4], box[4] if len(box) > 4 else None
    else:
        raise _refused(labelled, row, box, f"boxes, each {_FORMS}")
    if not all(isinstance(side, int | float) and not isinstance(side, bool) for side in sides):
        raise _refused(labelled, row, box, "numbers for x0, y0, x1 and y1")
    return [float(side) for side in sides], label


def _as_labels(labelled: Labelled, found: list[Any], parents: list[int]) -> pa.Array:
    """The labels as booleans, numbers or strings of one type."""
    if not found:
        return pa.array([], pa.string())
    if all(label is None for label in found):
        return pa.array([ONE_KIND] * len(found))
    allowed = next((kinds for kinds in _LABELS if isinstance(found[0], kinds)), (str,))
    for label, row in zip(found, parents, strict=True):
        fits = isinstance(label, allowed) and (bool in allowed or not isinstance(label, bool))
        if not fits:
            raise _refused(
                labelled,
                row,
                label,
                "each box to have a label: text in all of them, numbers in all, or none in any",
            )
    return pa.array([float(x) for x in found] if _mixed(found) else found)


def _mixed(found: list[Any]) -> bool:
    return len({type(label) for label in found}) > 1


def _check_corners(lists: BoxLists) -> None:
    odd = np.flatnonzero(~np.isfinite(lists.corners).all(axis=1))
    if len(odd):
        raise lists.refusal(odd[0], "Boxes expects finite numbers.")
    turned = np.flatnonzero((lists.corners[:, 2:] <= lists.corners[:, :2]).any(axis=1))
    if len(turned):
        raise lists.refusal(
            turned[0],
            "Boxes expects x0 < x1 and y0 < y1: the corner at the upper left, then the one at the "
            "lower right. Corners given as x, y, width, height have to be added up first.",
        )


def _refused(labelled: Labelled, row: int, value: Any, expected: str) -> DataError:
    shown = repr(value)
    shown = shown if len(shown) <= 60 else f"{shown[:60]}..."
    return DataError(f"{where(labelled, row)}: Boxes expects {expected}. Received: {shown}")
