"""Rows that are made of two: each of a mixed row's labels counts by its share."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import keras

from plait.model._losses import spread

Pair = tuple[Any, Any]
"""The targets and the weights, or None, of one output."""


class Mixed(NamedTuple):
    """The labels of one output for rows that are made of two.

    Attributes:
        own: of the row itself, `(targets, weights)`, its weights times its share.
        other: of the row that was mixed into it, likewise.
    """

    own: Pair
    other: Pair


def pairs_of(labels: Pair | Mixed) -> list[Pair]:
    """The labels of one output: a mixed row's own, and the other's."""
    return [labels.own, labels.other] if isinstance(labels, Mixed) else [labels]


def each_pair(change: Callable[[Pair], Pair], labels: Pair | Mixed) -> Pair | Mixed:
    """The labels of one output, each of a mixed row's changed alike."""
    if isinstance(labels, Mixed):
        return Mixed(change(labels.own), change(labels.other))
    return change(labels)


def mixed_labels(labels: Mapping[str, Pair], other: Any, share: Any) -> dict[str, Mixed]:
    """The labels by output of rows of which each has another one in it.

    Args:
        labels: of the rows as they were.
        other: `(batch,)` int32, the place of the other row.
        share: `(batch,)` float32, of the row itself.
    """

    def taken(values: Any) -> Any:
        return None if values is None else keras.ops.take(values, other, axis=0)

    return {
        name: Mixed(
            (targets, _times(weights, share)), (taken(targets), _times(taken(weights), 1 - share))
        )
        for name, (targets, weights) in labels.items()
    }


def joined_rows(found: list[tuple[Any, Any]]) -> tuple[Any, Any]:
    """One loss a row and its weight, out of the losses and weights `(batch,)` of each of its labels."""
    if len(found) == 1:
        return found[0]
    total = sum(rows for _, rows in found)
    losses = sum(losses * rows for losses, rows in found)
    return losses / keras.ops.where(total > 0, total, 1.0), total


def _times(weights: Any, share: Any) -> Any:
    if weights is None:
        return share
    weights = keras.ops.cast(weights, "float32")
    return weights * spread(share, len(weights.shape))
