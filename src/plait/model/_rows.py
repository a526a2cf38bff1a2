"""Gradients by variable, and rows of one task each with their inner products."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import keras

ById = Mapping[int, Any]
"""Gradients, by their variable's id."""

_PART = 2**18
"""Numbers in a part of a stack of rows: a megabyte of float32."""
_MOST_PARTS = 8


def stacks(rows: list[ById]) -> list[Any]:
    """The parts of all variables' stacks; a variable that a task has no gradient of is 0 there."""
    keys = {key: None for row in rows for key in row}
    return [part for key in keys for part in stack([row.get(key) for row in rows])]


def stack(tensors: list[Any]) -> list[Any]:
    """One task a row, float32, in parts by columns; None is a row of zeros.

    A part fits a core's cache, from when it is written until it is multiplied, and several cores can
    have one each.
    """
    like = next(t for t in tensors if t is not None)
    flat = [
        keras.ops.reshape(keras.ops.zeros_like(like) if t is None else t, (-1,)) for t in tensors
    ]
    columns = flat[0].shape[0]
    # TensorFlow may not know the batch's size yet; then there is one part.
    count = 1 if columns is None else min(max(len(flat) * columns // _PART, 1), _MOST_PARTS)
    cuts = [None, *(columns * n // count for n in range(1, count)), None]
    return [
        keras.ops.cast(keras.ops.stack([row[start:end] for row in flat]), "float32")
        for start, end in pairwise(cuts)
    ]


def gramian_of(stacks: list[Any], scale: Any, others: list[Any] | None = None) -> Any:
    """`(tasks, tasks)`: the inner products of the rows, with those of `others` if given."""
    # Two-dimensional products throughout: XLA's CPU has no fast path for anything else.
    products = [
        keras.ops.matmul(a, keras.ops.transpose(b))
        for a, b in zip(stacks, others or stacks, strict=True)
    ]
    # The scale of float16's losses leaves here, where there is little to divide: float32 holds its
    # square.
    return sum(products[1:], products[0]) / scale / scale


def weighted_sum(rows: list[Any], weights: Any) -> Any:
    """The rows, each times its weight, as one float32 tensor of their shape; None is 0.

    Not by a product with their stack: XLA reads each row once and writes no copy of it.
    """
    terms = [
        keras.ops.cast(row, "float32") * weights[n] for n, row in enumerate(rows) if row is not None
    ]
    return sum(terms[1:], terms[0])


def only(gradients: ById, keys: set[int]) -> ById:
    """Those of some variables."""
    return {k: g for k, g in gradients.items() if k in keys}


def scaled(gradients: ById, by: Any) -> ById:
    """Each times one scalar."""
    if isinstance(by, float) and by == 1.0:
        return gradients
    return {k: g * keras.ops.cast(by, g.dtype) for k, g in gradients.items()}


def total_of(*gradients: ById) -> dict[int, Any]:
    """The sums, variable by variable."""
    total: dict[int, Any] = {}
    for some in gradients:
        for key, gradient in some.items():
            total[key] = total[key] + gradient if key in total else gradient
    return total


def in_order(total: ById, variables: Sequence[keras.Variable]) -> list[Any]:
    """One gradient for each variable; 0 where there is none."""
    return [
        total[id(v)] if id(v) in total else keras.ops.zeros(v.shape, v.dtype) for v in variables
    ]
