"""Ids, of which some are unknown and some are padding."""

from typing import Any

from keras import ops

from plait.backend import uniform


def known_ids(ids: Any, count: Any, unknown: int) -> Any:
    """Ids, `unknown` in the place of one that is below 0 or not below `count`."""
    return ops.where(ops.logical_and(ids >= 0, ids < count), ids, unknown)


def forgotten(ids: Any, share: float, draws: Any, unknown: int, training: bool | None) -> Any:
    """Ids, of which while training a random share is `unknown`."""
    if not training or share <= 0:
        return ids
    return ops.where(uniform(ops.shape(ids), draws) < share, unknown, ids)


def valid_ids(ids: Any, lengths: Any = None) -> Any:
    """Which ids are no padding, `(batch, length)`.

    Args:
        ids: `(batch, length)` int32.
        lengths: `(batch,)` whole numbers; None if all ids are valid.
    """
    if lengths is None:
        return ops.ones_like(ids, dtype="bool")
    steps = ops.arange(ids.shape[1], dtype="int32")
    return steps < ops.expand_dims(ops.cast(lengths, "int32"), -1)


def with_a_token(valid: Any) -> Any:
    """The mask of the tokens of those ids: a row without any is read as one token of padding."""
    return ops.logical_or(valid, ops.arange(valid.shape[1], dtype="int32") == 0)
