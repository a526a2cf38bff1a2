"""A batch as equal parts, for methods that compare the gradients of different rows."""

from typing import Any

import keras

from plait.model._network import Forward, TaskLosses

PARTS = 3
"""A cross-Gramian takes two parts of the batch; the model moves along the third."""


def parts_of(x: Any, labels: Any, labelled: Any) -> list[tuple[Any, Any]]:
    """Deals the rows that have a label in turn, then the others.

    So a batch with padded rows has the parts of the batch without them. With fewer rows than parts,
    the first ones are dealt again.

    Args:
        x: nested tensors `(batch, ...)`.
        labels: likewise; None where there is none.
        labelled: `(batch,)` bool.

    Returns:
        For each part its inputs and its labels.
    """
    ops = keras.ops
    count, known = _count(labelled)
    place = ops.arange(count, dtype="int32")
    # One key a row, so that no backend has a say in the order of equal ones.
    order = ops.argsort(ops.where(labelled, place, place + count))
    if not known or count < PARTS:
        most = max(count, PARTS) if known else ops.maximum(count, PARTS)
        order = ops.take(order, ops.arange(most, dtype="int32") % count)
    dealt = [order[part::PARTS] for part in range(PARTS)]
    return [(_rows(x, places), _rows(labels, places)) for places in dealt]


def joined(losses: list[TaskLosses]) -> TaskLosses:
    """The losses over the rows of all parts."""
    totals = sum(part.totals for part in losses)
    whole = keras.ops.where(totals > 0, totals, 1.0)
    values, plain = (
        sum(getattr(part, name) * part.totals for part in losses) / whole
        for name in ("values", "plain")
    )
    return TaskLosses(values, totals, plain)


def together(forwards: list[Forward], known: list[Any], labels: Any) -> tuple[Forward, Any]:
    """The parts' forwards as one, and their labels in the order of its rows.

    Args:
        forwards: of each part, in turn.
        known: the parts' labels.
        labels: the whole batch's.
    """
    count, _ = _count(next(a for a in keras.tree.flatten(labels) if a is not None))

    def join(*tensors: Any) -> Any:
        # Of rows that were dealt again, the first time counts.
        return None if tensors[0] is None else keras.ops.concatenate(tensors, axis=0)[:count]

    predictions = keras.tree.map_structure(join, *(f.predictions for f in forwards))
    added = sum(forward.added for forward in forwards) / len(forwards)
    losses = joined([forward.losses for forward in forwards])
    forward = Forward(losses, predictions, added, forwards[-1].others)
    return forward, keras.tree.map_structure(join, *known)


def first_rows(nest: Any, count: int | None) -> Any:
    """The first rows of nested tensors `(batch, ...)`; None stays None."""
    return keras.tree.map_structure(lambda a: None if a is None else a[:count], nest)


def _count(tensor: Any) -> tuple[Any, bool]:
    """How many rows, and whether that is a number; TensorFlow may know it only when it runs."""
    rows = tensor.shape[0]
    return (keras.ops.shape(tensor)[0], False) if rows is None else (rows, True)


def _rows(nest: Any, places: Any) -> Any:
    return keras.tree.map_structure(
        lambda a: None if a is None else keras.ops.take(a, places, axis=0), nest
    )
