"""Small convex programs over the tasks, in compiled fixed loops.

All of it is called within `in_float64`: the Gramian of a training step is often nearly singular, and
a problem of a few tasks by a few tasks costs the same in either precision.
"""

from collections.abc import Callable
from typing import Any

import keras

from plait.backend import in_float64, until
from plait.balancing._symmetric import cholesky, cholesky_solve, eigh

PIVOTS = 9
STEPS = 25
_GAP = 1e-13
_RANK = 2e-6
"""An eigenvalue this much smaller than the largest is the rounding of a Gramian in float32."""


def on_active(fn: Callable[[Any, Any], Any], gramian: Any, active: Any) -> Any:
    """`fn` on the problem of the active tasks, in float64.

    Args:
        fn: from the Gramian `(tasks, tasks)`, 0 in inactive rows and columns, and `(tasks,)` 1 for
            active tasks and 0 for others, to `(tasks,)`.
        gramian: `(tasks, tasks)` float32.
        active: `(tasks,)` bool.

    Returns:
        `(tasks,)` float32, 0 for inactive tasks; NaN for active ones where the Gramian is not finite.
    """
    inside = keras.ops.cast(active, "float32")

    def masked(matrix: Any, ones: Any) -> Any:
        ops = keras.ops
        matrix = 0.5 * (matrix + ops.transpose(matrix)) * ones[:, None] * ones[None, :]
        # Factorisations of what is not finite raise on torch and TensorFlow, and a step that overflowed
        # in float16 is to be skipped, not to end the run.
        finite = ops.all(ops.isfinite(matrix))
        found = fn(ops.where(finite, matrix, ops.zeros_like(matrix)), ones)
        return ones * ops.where(finite, found, ops.full_like(found, float("nan")))

    return in_float64(masked, gramian, inside)


def nonnegative_qp(matrix: Any, target: Any) -> Any:
    """Minimises x^T M x / 2 - t^T x over x >= 0, for several problems at once.

    Block principal pivoting (J. Júdice, F. Pires, "A Block Principal Pivoting Algorithm for
    Large-Scale Strictly Monotone Linear Complementarity Problems", 1994) is exact after a few
    rounds. Where it cycles, on degenerate problems, a primal-dual interior point method takes over
    (S. Mehrotra, "On the Implementation of a Primal-Dual Interior Point Method", 1992).

    Args:
        matrix: `(problems, tasks, tasks)`, positive semi-definite.
        target: `(problems, tasks)`.

    Returns:
        `(problems, tasks)`.
    """
    ops = keras.ops
    scale = positive_or_one(ops.sqrt(ops.diagonal(matrix, axis1=1, axis2=2)))
    matrix = matrix / scale[:, :, None] / scale[:, None, :]
    target = target / scale
    x, solved = _pivot(matrix, target)
    return ops.where(solved[:, None], x, _interior(matrix, target, solved)) / scale


def _pivot(matrix: Any, target: Any) -> tuple[Any, Any]:
    """The solution where pivoting finds it, and which problems these are."""
    ops = keras.ops
    eye = ops.eye(matrix.shape[-1], dtype="float64")
    small = 1e-12 * (1.0 + ops.max(ops.abs(target), axis=1, keepdims=True))

    def round_(free: Any, x: Any, bad: Any) -> tuple:
        free = ops.where(bad, 1.0 - free, free)
        inside = matrix * free[:, :, None] * free[:, None, :]
        # The ridge keeps the factor of a singular block finite; a wrong x then is not accepted.
        factor = cholesky(inside + eye * (1.0 - free + 1e-12)[:, None, :])
        x = cholesky_solve(factor, target * free)
        slope = (matrix @ x[..., None])[..., 0] - target
        bad = ops.where(free > 0, x < 0, slope < -small)
        return free, x, ops.where(ops.isfinite(x), bad, free > 0)

    def done(free: Any, x: Any, bad: Any) -> Any:
        return ops.logical_not(ops.any(bad))

    start = ops.zeros_like(target)
    free, x, bad = until(done, round_, (start, start, target > small), PIVOTS)
    residual = ((matrix @ x[..., None])[..., 0] - target) * free
    exact = ops.all(ops.abs(residual) < 1e3 * small, axis=1)
    return x, ops.logical_and(exact, ops.logical_not(ops.any(bad, axis=1)))


def _interior(matrix: Any, target: Any, solved: Any) -> Any:
    """Predictor and corrector steps from the inside; problems that are `solved` need none."""
    ops = keras.ops
    eye = ops.eye(matrix.shape[-1], dtype="float64")
    size = 1e-12 + ops.max(ops.abs(target), axis=1, keepdims=True)

    def step(x: Any, y: Any) -> tuple:
        residual = (matrix @ x[..., None])[..., 0] - target - y
        gap = ops.mean(x * y, axis=1, keepdims=True)
        factor = cholesky(matrix + eye * (y / x + 1e-12)[:, None, :])
        dx = cholesky_solve(factor, -residual - y)
        dy = -y - y / x * dx
        length = _longest(x, dx, y, dy, 1.0)
        after = ops.mean((x + length * dx) * (y + length * dy), axis=1, keepdims=True)
        corrected = ((after / gap) ** 3 * gap - dx * dy) / x
        dx = cholesky_solve(factor, corrected - residual - y)
        dy = corrected - y - y / x * dx
        length = _longest(x, dx, y, dy, 0.995)
        moved, slack = x + length * dx, y + length * dy
        fine = ops.all(ops.logical_and(moved > 0, slack > 0), axis=1, keepdims=True)
        go_on = ops.logical_and(fine, gap > _GAP * size * size)
        return ops.where(go_on, moved, x), ops.where(go_on, slack, y)

    def done(x: Any, y: Any) -> Any:
        near = ops.mean(x * y, axis=1) <= _GAP * size[:, 0] ** 2
        return ops.all(ops.logical_or(solved, near))

    start = ops.zeros_like(target) + size
    return until(done, step, (start, start), STEPS)[0]


def pseudo_inverse(gramian: Any, ones: Any, right: Any) -> Any:
    """The least-norm solution of G x = right, over what stands out of float32's rounding.

    It is 0 where nothing of `right` does: gradients against each other have no direction in common.
    """
    ops = keras.ops
    values, vectors = eigen(gramian, ones)
    along = ops.where(values > 0, _combine(ops.transpose(vectors), right), 0.0)
    there = ops.sum(along**2) > _RANK**2 * ops.sum(right**2)
    return _combine(vectors, ops.where(there, along / positive_or_one(values), 0.0))


def eigen(gramian: Any, ones: Any) -> tuple[Any, Any]:
    """Eigenvalues `(tasks,)`, 0 for inactive tasks and where they are rounding, and vectors."""
    ops = keras.ops
    # Inactive tasks get eigenvalues of their own, below all others and of their size.
    below = positive_or_one(ops.max(ops.diagonal(gramian)))
    values, vectors = eigh(gramian - below * ops.diag(1.0 - ones))
    return ops.where(values > _RANK * ops.max(values), values, 0.0), vectors


def _combine(matrix: Any, vector: Any) -> Any:
    return (matrix @ vector[:, None])[:, 0]


def _longest(x: Any, dx: Any, y: Any, dy: Any, share: float) -> Any:
    """How far `x` and `y` may go before one of them is 0, at most 1."""
    ops = keras.ops
    room = [
        ops.min(ops.where(d < 0, -v / ops.where(d < 0, d, 1.0), 1e30), axis=1, keepdims=True)
        for v, d in ((x, dx), (y, dy))
    ]
    return smaller(share * smaller(*room), 1.0)


def larger(one: Any, other: Any) -> Any:
    """The larger of two. `keras.ops.maximum` of float64 is float32 on torch, and so is `matmul`."""
    return keras.ops.where(one > other, one, other)


def smaller(one: Any, other: Any) -> Any:
    """The smaller of two; see `larger`."""
    return keras.ops.where(one < other, one, other)


def positive_or_one(values: Any) -> Any:
    """1 in place of what cannot be divided by."""
    return keras.ops.where(values > 0, values, keras.ops.ones_like(values))


def shortest_combination(gramian: Any, ones: Any) -> Any:
    """Minimises w^T G w over the simplex of the active tasks, whose `ones` are 1.

    With s w for w, s free, the minimum of s^2 (w^T G w + c) - 2 c s over s is smallest where w^T G w
    is, so that the constraint of the sum becomes a rank-one term, for any c > 0.
    """
    ops = keras.ops
    norms = ops.diagonal(gramian)
    # As small as the shortest gradient, so that neither of the two terms drowns the other.
    constant = ops.min(ops.where(ones > 0, norms, ops.max(norms)))
    constant = larger(constant, 1e-10 * positive_or_one(ops.max(norms)))
    both = constant * ones[:, None] * ones[None, :]
    found = nonnegative_qp((gramian + both)[None], (constant * ones)[None])[0] * ones
    return found / positive_or_one(ops.sum(found))


def normalised(gramian: Any) -> tuple[Any, Any]:
    """The gradients' cosines `(tasks, tasks)` and one over their norms; 0 for a gradient of 0."""
    norms = keras.ops.sqrt(larger(keras.ops.diagonal(gramian), 0.0))
    inverse = keras.ops.where(norms > 0, 1.0 / positive_or_one(norms), 0.0)
    return gramian * inverse[:, None] * inverse[None, :], inverse


def equal_angles(gramian: Any) -> Any:
    """Weights of a direction that stands at one angle to every gradient, 0 for a gradient of 0.

    They are C^+ 1 / n, with C the gradients' cosines and n their norms: the least-norm solution
    where gradients are linearly dependent.
    """
    cosines, inverse = normalised(gramian)
    there = keras.ops.cast(inverse > 0, "float64")
    return pseudo_inverse(cosines, there, there) * inverse
