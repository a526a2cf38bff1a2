"""Gradients by variable, and rows of one task each with their inner products."""

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import keras

ById = Mapping[int, Any]
"""Gradients, by their variable's id."""

_BLOCK = 8
"""Tasks in a block of a Gramian."""
_PARTS = 16
_LARGE = 2**13
"""Numbers in a row from which on a Gramian is worth cutting up."""
_LONG = 2**17
"""Numbers in a row from which on the parts are worth a loop."""


def by_variable(rows: Sequence[ById]) -> list[list[Any]]:
    """For each variable, each task's gradient of it, or None."""
    keys = {key: None for row in rows for key in row}
    return [[row.get(key) for row in rows] for key in keys]


def gramian_of(
    tensors: Sequence[Sequence[Any]],
    scale: Any,
    others: Sequence[Sequence[Any]] | None = None,
) -> Any:
    """`(tasks, tasks)` float32: the inner products of the tasks' rows.

    Args:
        tensors: for each shared tensor, each task's gradient there, `(*shape)`, or None for 0.
        scale: of the losses.
        others: other rows of the same tensors, for inner products with these.
    """
    pairs = zip(tensors, tensors if others is None else others, strict=True)
    found = [_products(some, other) for some, other in pairs]
    # The scale of float16's losses leaves here, where there is little to divide: float32 holds its
    # square.
    return sum(found[1:], found[0]) / scale / scale


def _products(rows: Sequence[Any], others: Sequence[Any]) -> Any:
    """The inner products of one tensor's rows.

    Of long rows in a loop over parts of them. The parts have one place in memory, where a copy of the
    rows would be as large as they are: to get so much anew in each step takes longer than the products.
    """
    ops = keras.ops
    like = next(row for row in (*rows, *others) if row is not None)
    columns = math.prod(like.shape) if None not in like.shape else 0
    left = [_flat(row, like) for row in rows]
    right = left if rows is others else [_flat(row, like) for row in others]
    if columns < _LONG:
        return _by_blocks(left, right, columns, _PARTS)

    def part(start: Any, width: int) -> Any:
        one = [ops.slice(row, [start], [width]) for row in left]
        other = one if right is left else [ops.slice(row, [start], [width]) for row in right]
        return _by_blocks(one, other, width, 1)

    width, rest = divmod(columns, _PARTS)
    total = ops.fori_loop(
        0,
        _PARTS,
        lambda n, total: total + part(n * width, width),
        ops.zeros((len(left), len(right)), "float32"),
    )
    return total + part(columns - rest, rest) if rest else total


def _by_blocks(rows: Sequence[Any], others: Sequence[Any], columns: int, parts: int) -> Any:
    """The inner products of flat rows.

    Two-dimensional products throughout: XLA's CPU has no fast path for anything else. Long rows are
    taken in parts that fit a core's cache and that several cores can have one each; of many of them
    the products of a block of tasks with another once, where the whole would have them twice.
    """
    size, same = len(rows), rows is others
    cut = same and columns >= _LARGE
    count, parts = (math.ceil(size / _BLOCK), parts) if cut else (1, 1)
    ends = [size * n // count for n in range(count + 1)]
    blocks = [_stack(rows[start:end], parts) for start, end in pairwise(ends)]
    right = blocks if same else [_stack(others, parts)]

    def product(i: int, j: int) -> Any:
        terms = [
            keras.ops.matmul(a, keras.ops.transpose(b))
            for a, b in zip(blocks[i], right[j], strict=True)
        ]
        return sum(terms[1:], terms[0])

    found = {(i, j): product(i, j) for i in range(count) for j in range(i, count)}
    if count == 1:
        return found[0, 0]
    whole = [
        [found[i, j] if i <= j else keras.ops.transpose(found[j, i]) for j in range(count)]
        for i in range(count)
    ]
    return keras.ops.concatenate([keras.ops.concatenate(line, axis=1) for line in whole], axis=0)


def _flat(row: Any, like: Any) -> Any:
    return keras.ops.reshape(keras.ops.zeros_like(like) if row is None else row, (-1,))


def _stack(rows: Sequence[Any], count: int) -> list[Any]:
    """One task a row, float32, in parts by columns."""
    inner = [rows[0].shape[0] * n // count for n in range(1, count)] if count > 1 else []
    return [
        keras.ops.cast(keras.ops.stack([row[start:end] for row in rows]), "float32")
        for start, end in pairwise([None, *inner, None])
    ]


def weighted_sum(rows: list[Any], weights: Any) -> Any:
    """The rows, each times its weight, as one float32 tensor of their shape; None is 0.

    Not by a product with their stack: XLA reads each row once and writes no copy of it.
    """
    terms = [
        keras.ops.cast(row, "float32") * weights[n] for n, row in enumerate(rows) if row is not None
    ]
    return sum(terms[1:], terms[0])


def inner_product(some: ById, others: ById) -> Any:
    """Over what both have, float32."""
    ops = keras.ops
    pairs = [(some[k], others[k]) for k in some if k in others]
    products = [ops.sum(ops.cast(a, "float32") * ops.cast(b, "float32")) for a, b in pairs]
    return sum(products, ops.zeros(()))


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
