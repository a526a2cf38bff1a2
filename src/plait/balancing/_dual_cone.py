"""Projections of weighted gradients onto the cone of directions that harm no task."""

from typing import Any

import keras

from plait.balancing._solvers import nonnegative_qp


def dual_cone_weights(
    gramian: Any, ones: Any, targets: Any, norm_eps: float, reg_eps: float
) -> Any:
    """Minimises v^T (G / tr G + reg_eps I) v over v >= u, for each row u of `targets`.

    Args:
        gramian: `(tasks, tasks)`, float64.
        ones: `(tasks,)`, 1 for active tasks and 0 for others.
        targets: `(problems, tasks)`, the weights of what is projected.
        norm_eps: a trace of at most this counts as 0; then `targets` come back.
        reg_eps: makes the solution unique.

    Returns:
        `(problems, tasks)`.
    """
    ops = keras.ops
    trace = ops.trace(gramian)
    there = trace > norm_eps
    normal = gramian / ops.where(there, trace, 1.0) + reg_eps * ops.diag(ones)
    matrix = ops.broadcast_to(normal, (targets.shape[0], *normal.shape))
    # v = u + x with x >= 0.
    found = nonnegative_qp(matrix, -(targets @ normal))
    return targets + ops.where(there, found, 0.0)
