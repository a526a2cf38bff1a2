"""Shares of the active tasks: vectors on the simplex, 0 for the others."""

from typing import Any

import keras

from plait.balancing._balancer import mask


def masked_softmax(logits: Any, active: Any) -> Any:
    """Softmax over the active entries; 0 elsewhere, and everywhere if none is active."""
    ops = keras.ops
    top = ops.max(ops.where(active, logits, -1e30))
    powers = mask(ops.exp(ops.where(active, logits - top, 0.0)), active)
    total = ops.sum(powers)
    return powers / ops.where(total > 0, total, 1.0)


def within(shares: Any, active: Any) -> Any:
    """`shares` of the active tasks scaled to sum to 1; equal ones if they are all 0."""
    ops = keras.ops
    inside = mask(shares, active)
    total = ops.sum(inside)
    equal = ops.cast(active, "float32")
    equal = equal / ops.maximum(ops.sum(equal), 1.0)
    return ops.where(total > 0, inside / ops.where(total > 0, total, 1.0), equal)


def simplex_projection(point: Any, active: Any) -> Any:
    """The nearest point of the simplex over the active entries; 0 elsewhere.

    Sorts and thresholds (J. Duchi et al., "Efficient Projections onto the l1-Ball", ICML 2008).
    """
    ops = keras.ops
    size = point.shape[0]
    count = ops.sum(ops.cast(active, "float32"))
    descending = -ops.sort(-ops.where(active, point, -1e30))
    place = ops.arange(1, size + 1, dtype="float32")
    inside = place <= count
    sums = ops.cumsum(ops.where(inside, descending, 0.0))
    thresholds = (sums - 1.0) / place
    kept = ops.logical_and(inside, descending > thresholds)
    last = ops.sum(ops.cast(kept, "int32")) - 1
    threshold = ops.take(thresholds, ops.maximum(last, 0))
    return mask(ops.maximum(point - threshold, 0.0), active)
