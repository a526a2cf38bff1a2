"""Texts of which some tokens are hidden in training, in each form that their arrays have."""

from typing import Any

from keras import ops

from plait._hash import name_key, uniform


def drawn_tokens(row_key: Any, name: str, length: int, share: float) -> Any:
    """`(batch, length)` bool, True for a random share of the places of each row.

    Args:
        row_key: `(batch, 2)` int32; each row's places are a function of it.
        name: of the feature; others have places of their own.
        length: of the rows.
        share: of the places, in [0, 1).
    """
    place = ops.arange(length, dtype="int32")[None, :]
    word = name_key(f"{name}__tokens")
    return uniform(row_key[:, :1], row_key[:, 1:], word, place) < share


def hidden_grams(values: Any, hidden: Any) -> Any:
    """`(batch, length, 2)` float32, zeros in place of a hidden n-gram's id and weight.

    There is no id of an unknown n-gram: the row is that of a text without it, and its other weights
    make up its length.
    """
    weights = values[..., 1]
    kept = ops.where(hidden, ops.zeros_like(weights), weights)
    before, left = (ops.sum(ops.square(w), axis=1, keepdims=True) for w in (weights, kept))
    kept = kept * ops.sqrt(before / ops.where(left > 0, left, 1.0))
    ids = ops.where(hidden, ops.zeros_like(weights), values[..., 0])
    return ops.stack([ids, kept], axis=-1)
