"""Weights by which the tasks' gains are fair: G w = w^(-p)."""

from typing import Any

import keras

from plait.backend import until
from plait.balancing._solvers import normalised, positive_or_one, smaller
from plait.balancing._symmetric import cholesky, cholesky_solve

_STEPS = 40
_EXACT = 1e-10
_ROUNDING = 1e-5
"""A sum of float32 gradients this much shorter than its parts is mostly their rounding."""
_LENGTHS = tuple(0.5**n for n in range(8))


def fair_weights(gramian: Any, alpha: float) -> Any:
    """The w > 0 with G w = w^(-1 / alpha), 0 for a zero gradient; all in float64.

    Without a direction that serves all tasks there is no such w: x then grows without end while C x
    goes to 0, and all weights are 0.

    With x the weights times the gradients' norms n, C their cosines, p = 1 / alpha and b = n^(p - 1),
    this is C x = b x^(-p): the minimum of x^T C x / 2 minus the integral of b x^(-p), which is convex.
    Newton's method takes, of some lengths of its step, the one that goes down furthest.

    Args:
        gramian: `(tasks, tasks)`.
        alpha: greater than 0.
    """
    ops = keras.ops
    power = 1.0 / alpha
    cosines, inverse = normalised(gramian)
    there = inverse > 0
    bonus = ops.where(there, positive_or_one(inverse) ** (1.0 - power), 1.0)
    # A gradient of 0 stands by itself and disturbs nobody.
    cosines = cosines + ops.diag(ops.cast(ops.logical_not(there), "float64"))
    lengths = ops.convert_to_tensor(_LENGTHS, dtype="float64")

    def cost(x: Any) -> Any:
        """Of each of several points `(points, tasks)`."""
        gain = ops.log(x) if alpha == 1 else x ** (1.0 - power) / (1.0 - power)
        return ops.sum(0.5 * x * (x @ cosines) - bonus * gain, axis=-1)

    def error(x: Any) -> Any:
        return (cosines @ x[:, None])[:, 0] - bonus * x**-power

    def step(x: Any) -> tuple:
        curvature = cosines + ops.diag(power * bonus * x ** (-power - 1.0))
        move = -cholesky_solve(cholesky(curvature)[None], error(x)[None])[0]
        room = ops.min(ops.where(move < 0, -x / ops.where(move < 0, move, 1.0), 1e30))
        tried = x + smaller(0.99 * room, 1.0) * lengths[:, None] * move
        costs = cost(tried)
        costs = ops.where(ops.isfinite(costs), costs, 1e300)
        # The mean of equally good ones is as good: the cost is convex.
        best = ops.cast(costs == ops.min(costs), "float64")
        best = ((best / ops.sum(best))[None] @ tried)[0]
        return (ops.where(ops.all(ops.isfinite(best)), best, x),)

    def done(x: Any) -> Any:
        return ops.max(ops.abs(error(x)) / (bonus * x**-power)) < _EXACT

    (x,) = until(done, step, (bonus ** (1.0 / (1.0 + power)),), _STEPS)
    x = ops.where(there, x, 0.0)
    served = ops.sum(x * (cosines @ x[:, None])[:, 0]) > (_ROUNDING * ops.sum(x)) ** 2
    return ops.where(served, x * inverse, 0.0)
