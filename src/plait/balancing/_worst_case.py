"""The shares of CAGrad: a second-order cone program, by pivoting or an interior point method."""

from typing import Any

import keras

from plait.backend import until
from plait.balancing._solvers import larger, normalised, positive_or_one, smaller
from plait.balancing._symmetric import cholesky, cholesky_solve

_PIVOTS = 10
_STEPS = 30
_GAP = 1e-11
_RIDGE = 1e-13
"""Keeps the factor of nearly dependent gradients' cosines finite."""


def worst_case_shares(gramian: Any, ones: Any, radius: Any) -> Any:
    """Minimises <g_w, g_0> + radius ||g_w|| over w on the simplex of the active tasks; in float64.

    Pivoting between the tasks that have a share and those that have none solves all but degenerate
    problems in a few rounds, each in closed form; an interior point method solves the others.

    Args:
        gramian: `(tasks, tasks)`.
        ones: `(tasks,)`, 1 for active tasks and 0 for others.
        radius: scalar.
    """
    ops = keras.ops
    # Of the size of the longest gradient.
    size = positive_or_one(ops.max(ops.sqrt(larger(ops.diagonal(gramian), 0.0))))
    gramian, radius = gramian / size**2, radius / size
    found, solved = _pivot(gramian, ones, radius)
    shares = ops.where(solved, found, _interior(gramian, ones, radius, solved))
    return shares / positive_or_one(ops.sum(shares))


def _pivot(gramian: Any, ones: Any, radius: Any) -> tuple[Any, Any]:
    """The shares where pivoting finds them, and whether it does.

    With x_i = w_i |g_i|, cosines C, u_i = 1 / |g_i| and b_i = <g_i, g_0> / |g_i|, the shares of a set S
    of tasks satisfy b + l C x = m u on S, where l = radius / ||g_w||. With A = C^-1 on S, u^T x = 1 and
    the length of g_w make m the root of m^2 u^T A u - 2 m u^T A b + b^T A b = radius^2, and l =
    m u^T A u - u^T A b. A task leaves S where x < 0 and enters where b + l C x < m u. Without a root
    the minimum on S is at infinity: then x is the way there, and who is below 0 on it leaves.
    """
    ops = keras.ops
    cosines, inverse = normalised(gramian)
    count = larger(ops.sum(ones), 1.0)
    towards = (gramian @ ones[:, None])[:, 0] / count * inverse
    right = ops.stack([inverse, towards])
    usable = ops.logical_and(ones > 0, inverse > 0)

    def round_(inside: Any, x: Any, bad: Any, wrong: Any) -> tuple:
        inside = ops.where(bad, ones - inside, inside)
        matrix = cosines * inside[:, None] * inside[None, :]
        factor = cholesky(matrix + ops.diag(1.0 - inside + _RIDGE))
        both = ops.broadcast_to(factor[None], (2, *factor.shape))
        solved = cholesky_solve(both, right * inside)
        products = right @ ops.transpose(solved)
        alpha, beta, gamma = products[0, 0], products[0, 1], products[1, 1]
        slope = ops.sqrt(larger(beta**2 - alpha * (gamma - radius**2), 0.0))
        sound = slope > 0
        multiplier = (beta + slope) / positive_or_one(alpha)
        x = (multiplier * solved[0] - solved[1]) / positive_or_one(slope) * inside
        excess = towards + slope * (cosines @ x[:, None])[:, 0] - multiplier * inverse
        scale = ops.abs(multiplier) * inverse + 1.0
        enters = ops.logical_and(sound, ops.logical_and(usable, excess < -1e-10 * scale))
        bad = ops.where(inside > 0, x < 0, enters)
        wrong = ops.where(sound, ops.max(ops.abs(excess) / scale * inside), 1e30)
        return inside, x, bad, ops.where(ops.all(ops.isfinite(x)), wrong, float("inf"))

    def done(inside: Any, x: Any, bad: Any, wrong: Any) -> Any:
        return ops.logical_or(ops.logical_not(ops.any(bad)), wrong > 1e300)

    nothing = ops.zeros_like(ones)
    start = (nothing, nothing, usable, ops.zeros_like(radius))
    inside, x, bad, wrong = until(done, round_, start, _PIVOTS)
    fine = ops.logical_and(wrong < 1e-9, ops.logical_not(ops.any(bad)))
    # A task without a gradient is the worst case of any direction that others lose by.
    fine = ops.logical_and(fine, ops.all(ops.logical_or(usable, ones == 0)))
    return x * inverse * inside, fine


def _interior(gramian: Any, ones: Any, radius: Any, solved: Any) -> Any:
    """By predictor and corrector steps; a problem that is `solved` needs none.

    The problem is the dual of: the largest t with <g_i, g_0 + radius z> >= t for all i and ||z|| <= 1.
    The pair is solved in the scaling of Y. Nesterov and M. Todd, as in L. Vandenberghe, "The CVXOPT
    linear and quadratic cone program solvers", 2010; it stands the case that no smooth method does,
    g_w close to 0.
    """
    ops = keras.ops
    # The gradients in coordinates of their own span, each to the relative accuracy of its length.
    cosines, inverse = normalised(gramian)
    there = ops.where(inverse > 0, ones, 0.0)
    factor = cholesky(cosines + ops.diag(1.0 - there + _RIDGE))
    rows = factor * (there / positive_or_one(inverse))[:, None]
    count = larger(ops.sum(ones), 1.0)
    # Divided by the radius, so that both cones are of one size. Without one, the least <g_i, g_0>.
    radius = larger(radius, 1e-9)
    start = (gramian @ ones[:, None])[:, 0] / count / radius
    # An inactive task's constraint is 0 >= t - far: it never binds.
    far = 1e3 * (1.0 + ops.max(ops.abs(start)))
    start = start + (1.0 - ones) * far

    def step(*point: Any) -> tuple:
        moved = _newton(rows, start, point)
        fine = ops.all(ops.stack([ops.all(ops.isfinite(part)) for part in moved]))
        go_on = ops.logical_and(fine, _gap(point) > _GAP)
        return tuple(ops.where(go_on, new, old) for new, old in zip(moved, point, strict=True))

    def done(*point: Any) -> Any:
        return ops.logical_or(solved, _gap(point) <= _GAP)

    least = ops.min(ops.where(ones > 0, start, far)) - 1.0
    zero, one = ops.zeros_like(start), ops.ones_like(least)
    point = (zero, least, start - least, one, zero, ones / count + 1e-3 * (1 - ones), one, zero)
    return until(done, step, point, _STEPS)[5] * ones


def _gap(point: tuple) -> Any:
    _, _, slack, cone0, cone1, share, dual0, dual1 = point
    total = keras.ops.sum(share * slack) + cone0 * dual0 + keras.ops.sum(cone1 * dual1)
    return total / (slack.shape[0] + 1)


def _newton(rows: Any, start: Any, point: tuple) -> tuple:
    """One predictor and corrector step from `point`.

    Its parts: z and t; the slacks of the tasks' constraints and (cone0, cone1) = (1, z) in the
    second-order cone; their duals, the shares w and (dual0, dual1).
    """
    ops = keras.ops
    z, t, slack, cone0, cone1, share, dual0, dual1 = point
    eye = ops.eye(z.shape[0], dtype="float64")
    scaling = _Scaling(cone0, cone1, dual0, dual1)
    ratio, root = share / slack, ops.sqrt(share * slack)
    lambda0, lambda1 = scaling.forth(dual0, dual1)
    of_z = -(share[None] @ rows)[0] - dual1
    of_t = ops.sum(share) - 1.0
    of_slack = slack - (start + (rows @ z[:, None])[:, 0] - t)
    of_cone0, of_cone1 = cone0 - 1.0, cone1 - z
    gap = _gap(point)

    back = scaling.back_matrix(eye)
    matrix = (ops.transpose(rows) * ratio @ rows) + (back @ back)[1:, 1:]
    factor = cholesky(matrix + 1e-14 * ops.trace(matrix) * eye)[None]
    weighed = (ratio[None] @ rows)[0]
    answer = cholesky_solve(factor, weighed[None])[0]
    pivot = ops.sum(ratio) - ops.sum(weighed * answer)

    def direction(linear: Any, first: Any, rest: Any) -> tuple:
        known = ops.sqrt(ratio) * linear + ratio * of_slack
        a0, a1 = scaling.back(first, rest)
        b0, b1 = scaling.back(*scaling.back(of_cone0, of_cone1))
        known0, known1 = a0 + b0, a1 + b1
        right = -of_z + (known[None] @ rows)[0] + known1
        solved = cholesky_solve(factor, right[None])[0]
        dt = (-of_t - ops.sum(known) + ops.sum(weighed * solved)) / pivot
        dz = solved + answer * dt
        turned = (rows @ dz[:, None])[:, 0]
        c0, c1 = scaling.back(*scaling.back(ops.zeros_like(dt), -dz))
        return (
            dz,
            dt,
            turned - dt - of_slack,
            -of_cone0,
            dz - of_cone1,
            known + ratio * (dt - turned),
            known0 + c0,
            known1 + c1,
        )

    def longest(move: tuple) -> Any:
        return smaller(
            smaller(_room(slack, move[2]), _room(share, move[5])),
            smaller(
                _cone_room(cone0, cone1, move[3], move[4]),
                _cone_room(dual0, dual1, move[6], move[7]),
            ),
        )

    move = direction(-root, -lambda0, -lambda1)
    sigma = (1.0 - smaller(longest(move), 1.0)) ** 3
    linear = (sigma * gap - root**2 - move[2] * move[5]) / root
    u0, u1 = scaling.back(move[3], move[4])
    v0, v1 = scaling.forth(move[6], move[7])
    right0 = sigma * gap - lambda0**2 - ops.sum(lambda1**2) - u0 * v0 - ops.sum(u1 * v1)
    right1 = -2.0 * lambda0 * lambda1 - u0 * v1 - v0 * u1
    first = (lambda0 * right0 - ops.sum(lambda1 * right1)) / (lambda0**2 - ops.sum(lambda1**2))
    move = direction(linear, first, (right1 - first * lambda1) / lambda0)
    length = smaller(0.99 * longest(move), 1.0)
    return tuple(part + length * d for part, d in zip(point, move, strict=True))


class _Scaling:
    """The Nesterov-Todd scaling of a pair in the second-order cone, beta (2 v v^T - J)."""

    def __init__(self, cone0: Any, cone1: Any, dual0: Any, dual1: Any) -> None:
        ops = keras.ops
        cone, dual = (
            ops.sqrt(larger(a**2 - ops.sum(b**2), 1e-300))
            for a, b in ((cone0, cone1), (dual0, dual1))
        )
        s0, s1, z0, z1 = cone0 / cone, cone1 / cone, dual0 / dual, dual1 / dual
        gamma = ops.sqrt((1.0 + s0 * z0 + ops.sum(s1 * z1)) / 2.0)
        w0, w1 = (s0 + z0) / (2.0 * gamma), (s1 - z1) / (2.0 * gamma)
        self.first = (w0 + 1.0) / ops.sqrt(2.0 * (w0 + 1.0))
        self.rest = w1 / ops.sqrt(2.0 * (w0 + 1.0))
        self.beta = ops.sqrt(cone / dual)

    def forth(self, u0: Any, u1: Any) -> tuple[Any, Any]:
        """W u."""
        along = 2.0 * (self.first * u0 + keras.ops.sum(self.rest * u1))
        return self.beta * (self.first * along - u0), self.beta * (self.rest * along + u1)

    def back(self, u0: Any, u1: Any) -> tuple[Any, Any]:
        """W^-1 u."""
        along = 2.0 * (self.first * u0 - keras.ops.sum(self.rest * u1))
        return (self.first * along - u0) / self.beta, (u1 - self.rest * along) / self.beta

    def back_matrix(self, eye: Any) -> Any:
        """W^-1 as a matrix."""
        ops = keras.ops
        v = ops.concatenate([self.first[None], -self.rest])
        signs = ops.concatenate([ops.ones_like(self.first)[None], -ops.ones_like(self.rest)])
        return (2.0 * v[:, None] * v[None, :] - ops.diag(signs)) / self.beta


def _room(value: Any, move: Any) -> Any:
    ops = keras.ops
    return ops.min(ops.where(move < 0, -value / ops.where(move < 0, move, 1.0), 1e30))


def _cone_room(u0: Any, u1: Any, d0: Any, d1: Any) -> Any:
    """The largest step that stays in the cone: the first root of (u + a d)^T J (u + a d)."""
    ops = keras.ops
    square = d0**2 - ops.sum(d1**2)
    half = u0 * d0 - ops.sum(u1 * d1)
    constant = larger(u0**2 - ops.sum(u1**2), 0.0)
    root = ops.sqrt(larger(half**2 - square * constant, 0.0))
    sum_ = ops.where(half > 0, half + root, half - root)
    one = -constant / ops.where(ops.abs(sum_) > 0, sum_, 1e-300)
    other = -sum_ / ops.where(ops.abs(square) > 0, square, 1e-300)
    rooms = [ops.where(a > 0, a, 1e30) for a in (one, other)]
    return smaller(smaller(*rooms), ops.where(d0 < 0, -u0 / ops.where(d0 < 0, d0, 1.0), 1e30))
