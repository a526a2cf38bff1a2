"""What the methods that keep a row a task have in common."""

from collections.abc import Sequence
from typing import Any

import keras

from plait.balancing._aggregator import Update


def kept(tasks: int, shapes: Sequence[tuple[int, ...]], name: str) -> list[keras.Variable]:
    """A variable `(tasks, *shape)` of zeros for each shared variable."""
    return [
        keras.Variable(
            "zeros", shape=(tasks, *shape), dtype="float32", trainable=False, name=f"{name}_{n}"
        )
        for n, shape in enumerate(shapes)
    ]


def flat(row: Any) -> Any:
    """`(tasks, *shape)` as `(tasks, size)`."""
    return keras.ops.reshape(row, (row.shape[0], -1))


def weighted_sum(rows: Any, weights: Any) -> Any:
    """The sum of `(tasks, *shape)` over the tasks, each times its weight, a number or a tensor.

    Of slices: XLA's CPU sums along a first axis one number at a time, in a hundred times as long.
    """
    terms = [rows[n] * weights[n] for n in range(rows.shape[0])]
    return sum(terms[1:], terms[0])


def weighted_update(rows: Sequence[Any], weights: Any, heads: Any) -> Update:
    """Moves along each tensor's `(tasks, *shape)`, times the tasks' weights."""
    return Update(
        [weighted_sum(row, weights) for row in rows],
        heads,
        lambda place: (rows[place][n] * weights[n] for n in range(weights.shape[0])),
    )


def squared_lengths(rows: Sequence[Any]) -> Any:
    """`(tasks,)`: of each task's gradient over all shared tensors."""
    return sum(keras.ops.sum(flat(row) ** 2, axis=1) for row in rows)


def times(row: Any, weights: Any) -> Any:
    """`(tasks, *shape)`, each task's times its weight."""
    return row * keras.ops.reshape(weights, (-1,) + (1,) * (len(row.shape) - 1))


def where_active(active: Any, new: Any, old: Any) -> Any:
    """The active tasks' rows of `new`, the others' of `old`; both `(tasks, *shape)`."""
    return keras.ops.where(keras.ops.reshape(active, (-1,) + (1,) * (len(new.shape) - 1)), new, old)
