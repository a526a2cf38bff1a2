"""Shares of the active tasks: vectors on the simplex, 0 for the others."""

from typing import Any

import keras

from plait.balancing._balancer import mask
from plait.balancing._solvers import larger


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
    """The nearest point of the simplex over the active entries; 0 elsewhere. In float32 or 64.

    Sorts and thresholds (J. Duchi et al., "Efficient Projections onto the l1-Ball", ICML 2008): of
    the thresholds that make the k largest entries sum to 1, the largest is the one.
    """
    ops = keras.ops
    dtype = keras.backend.standardize_dtype(point.dtype)
    place = ops.arange(1, point.shape[0] + 1, dtype=dtype)
    inside = place <= ops.sum(ops.cast(active, dtype))
    descending = -ops.sort(-ops.where(active, point, -1e30))
    # `cumsum` of float64 is float32 on torch.
    upto = ops.where(place[None, :] <= place[:, None], descending[None, :], 0.0)
    sums = ops.sum(upto, axis=1)
    threshold = ops.max(ops.where(inside, (sums - 1.0) / place, -1e30))
    return mask(larger(point - threshold, 0.0), active)
