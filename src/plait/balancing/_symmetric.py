"""Factors and eigenvalues of small symmetric matrices; of two by two in closed form.

Two tasks are the most usual number, their step is the shortest, and in it a call of LAPACK takes
twenty times what it takes in a loop of its own: its code and data have left the cache since the
last step.
"""

from typing import Any

import keras

from plait import backend


def cholesky(matrices: Any) -> Any:
    """The lower triangular factors of `(problems, tasks, tasks)` or one matrix.

    They are not finite where a matrix is not positive.
    """
    if matrices.shape[-1] != 2:
        return backend.cholesky(matrices)
    ops = keras.ops
    first = ops.sqrt(matrices[..., 0, 0])
    below = matrices[..., 1, 0] / first
    second = ops.sqrt(matrices[..., 1, 1] - below**2)
    return _matrix(first, ops.zeros_like(first), below, second)


def cholesky_solve(factor: Any, right: Any) -> Any:
    """The solutions `(problems, tasks)` of L L^T x = right, for lower triangular factors L."""
    ops = keras.ops
    if factor.shape[-1] != 2:
        half = ops.solve_triangular(factor, right[..., None], lower=True)
        return ops.solve_triangular(ops.swapaxes(factor, -1, -2), half, lower=False)[..., 0]
    first, below, second = factor[..., 0, 0], factor[..., 1, 0], factor[..., 1, 1]
    half = right[..., 0] / first
    last = (right[..., 1] - below * half) / second / second
    return ops.stack([(half - below * last) / first, last], axis=-1)


def eigh(matrix: Any) -> tuple[Any, Any]:
    """The eigenvalues `(tasks,)`, ascending, and the eigenvectors, one a column."""
    ops = keras.ops
    if matrix.shape[-1] != 2:
        return ops.eigh(matrix)
    mean = 0.5 * (matrix[0, 0] + matrix[1, 1])
    half = 0.5 * (matrix[0, 0] - matrix[1, 1])
    off = matrix[0, 1]
    spread = ops.sqrt(half**2 + off**2)
    # Of the two formulas for the upper vector, the one in which nothing cancels.
    steep = half < 0
    x = ops.where(steep, off, spread + half)
    y = ops.where(steep, spread - half, off)
    length = ops.sqrt(x**2 + y**2)
    turned = length > 0
    length = ops.where(turned, length, 1.0)
    x = ops.where(turned, x / length, 1.0)
    y = ops.where(turned, y / length, 0.0)
    return ops.stack([mean - spread, mean + spread]), _matrix(-y, x, x, y)


def _matrix(a: Any, b: Any, c: Any, d: Any) -> Any:
    """`[[a, b], [c, d]]`."""
    ops = keras.ops
    return ops.stack([ops.stack([a, b], axis=-1), ops.stack([c, d], axis=-1)], axis=-2)
