"""What each method's weights are, in float64 NumPy, from the gradients themselves.

plait sees the Gramian and solves in its own way; these see the gradients, whose condition is only
the root of the Gramian's, and take the long way. Programs are run until their optimality condition
holds, and refuse to answer where it does not.
"""

import numpy as np
from scipy.optimize import brentq, nnls

RANK = 2e-6
"""plait's rule for the methods that invert: a smaller eigenvalue, relative to the largest, is 0."""


def norms_or_one(rows):
    norms = np.linalg.norm(rows, axis=1)
    return np.where(norms > 0, norms, 1.0)


def mgda(rows):
    """The shortest convex combination, as the least distance program of Lawson and Hanson."""
    rows = rows / norms_or_one(rows).max()
    one = np.sqrt(max((rows**2).sum(axis=1).min(), 1e-10))
    system = np.vstack([rows.T, np.full(len(rows), one)])
    found = nnls(system, np.append(np.zeros(rows.shape[1]), one), maxiter=10_000)[0]
    found /= found.sum()
    direction = found @ rows
    assert direction @ direction - (rows @ direction).min() < 1e-12
    return found


def distance_to_common_descent(rows):
    """The length of the shortest convex combination of unit gradients: 0 if nothing serves all."""
    units = rows[rows.any(axis=1)]
    units = units / np.linalg.norm(units, axis=1, keepdims=True)
    return np.linalg.norm(mgda(units) @ units) if len(units) else 0.0


def dual_cone(rows, target, norm_eps=1e-30, reg_eps=1e-7):
    """The shortest combination v >= target, with the ridge, by Lawson and Hanson's method."""
    trace = (rows**2).sum()
    if trace <= norm_eps:
        return target
    tall = np.vstack([rows.T / np.sqrt(trace), np.sqrt(reg_eps) * np.eye(len(rows))])
    above = nnls(tall, -tall @ target, maxiter=10_000)[0]
    slope = tall.T @ (tall @ (target + above))
    assert (slope > -1e-12).all()
    assert np.abs(above * slope).max() < 1e-12
    return target + above


def upgrad(rows, reg_eps=1e-7):
    return sum(dual_cone(rows, e, reg_eps=reg_eps) for e in np.eye(len(rows)) / len(rows))


def dualproj(rows, reg_eps=1e-7):
    return dual_cone(rows, np.full(len(rows), 1 / len(rows)), reg_eps=reg_eps)


def cagrad(rows, c=0.4, norm_eps=1e-5):
    """As r ||u|| is the least of r (||u||^2 / s + s) / 2 over s: for each s MGDA of moved gradients."""
    equal = np.full(len(rows), 1 / len(rows))
    rows = rows / norms_or_one(rows).max()
    norms = np.linalg.norm(rows, axis=1)
    mean = rows.mean(axis=0)
    radius = c * np.linalg.norm(mean)

    def shares(log_s):
        return mgda(rows + np.exp(log_s) / radius * mean)

    def excess(log_s):
        return np.log(np.linalg.norm(shares(log_s) @ rows) + 1e-300) - log_s

    shortest = np.log(1e-9)
    if radius == 0 or mean @ mean <= norm_eps * norms.mean() ** 2 or excess(shortest) < 0:
        return equal
    w = shares(brentq(excess, shortest, np.log(2.0), xtol=1e-14, rtol=1e-15))
    length = np.linalg.norm(w @ rows)
    moving = length**2 > norm_eps * (w @ norms) ** 2
    return equal + radius / length * w if moving else equal


def fair(rows, alpha):
    """w > 0 with J J^T w = w^(-1 / alpha), by primal-dual Newton steps.

    For x, the weights times the norms, and s, each unit gradient's product with the direction:
    s = U U^T x and s x^p = b.
    """
    there = rows.any(axis=1)
    norms = np.linalg.norm(rows[there], axis=1)
    units = rows[there] / norms[:, None]
    p = 1 / alpha
    bonus = norms ** (p - 1)
    x = bonus ** (1 / (1 + p))
    s = bonus * x**-p
    for _ in range(200):
        off = np.log(bonus / (x**p * s))
        root = np.sqrt(p * s / x)
        # A least squares problem: its condition is the root of that of the normal equations.
        tall = np.vstack([units.T, np.diag(root)])
        move = np.linalg.lstsq(tall, np.append(-x @ units, s * (1 + off) / root), rcond=None)[0]
        turn = s * off - p * s / x * move
        longest = max(np.abs(move / x).max(), np.abs(turn / s).max())
        if longest < 1e-12:
            break
        x, s = (v + min(1.0, 0.9 / longest) * d for v, d in ((x, move), (s, turn)))
    w = np.zeros(len(rows))
    w[there] = x / norms
    assert np.abs((rows[there] @ (w @ rows)) * w[there] ** p - 1).max() < 1e-6
    return w


def _svd(rows, rank):
    left, values, _ = np.linalg.svd(rows, full_matrices=False)
    rank = np.sum(values**2 > rank * values.max() ** 2)
    return left[:, :rank], values[:rank]


def _impartial(rows, rank):
    """Least-norm coordinates of a direction at one angle to all gradients that are not 0."""
    norms, there = norms_or_one(rows), rows.any(axis=1)
    left, values = _svd(rows / norms[:, None], rank)
    along = there @ left
    if np.sum(along**2) <= rank**2 * np.sum(there):
        return np.zeros(len(rows))
    return left @ (along / values**2) / norms


def imtlg(rows, rank=RANK):
    w = _impartial(rows, rank)
    defined = abs(w.sum()) > 1e-9 * np.abs(w).sum()
    return w / w.sum() if defined else 0 * w


def config(rows, rank=RANK):
    w = _impartial(rows, rank)
    direction = w @ rows
    square = direction @ direction
    return w * np.sum(rows @ direction) / square if square > 0 else w


def alignedmtl(rows, scale, rank=RANK):
    left, values = _svd(rows, rank)
    rank = len(values)
    if not rank:
        return np.zeros(len(rows))
    length = {
        "min": values[-1],
        "median": values[rank // 2],
        "rmse": np.sqrt(np.mean(values**2)),
    }[scale]
    return length * left @ (left.mean(axis=0) / values)


def pcgrad(rows, order):
    """Algorithm 1 on the gradients; `order[i]` is in which order task i meets the others."""
    coordinates = np.eye(len(rows))
    projected = rows.copy()
    for i in range(len(rows)):
        for j in order[i]:
            product = projected[i] @ rows[j]
            if j != i and product < 0:
                share = product / (rows[j] @ rows[j])
                projected[i] -= share * rows[j]
                coordinates[i, j] -= share
    return coordinates.sum(axis=0)


def gradvac(rows, orders, beta):
    """Algorithm 1 on the gradients, once for each of `orders`; the weights of the last time."""
    norms = np.linalg.norm(rows, axis=1)
    usual = np.zeros((len(rows), len(rows)))
    for order in orders:
        coordinates = np.eye(len(rows))
        for i in range(len(rows)):
            for j in order[i]:
                mended = coordinates[i] @ rows
                length = np.linalg.norm(mended)
                parts = np.abs(coordinates[i]) @ norms
                if j == i or norms[j] == 0 or length <= 1e-3 * parts:
                    continue
                cosine = np.clip(mended @ rows[j] / length / norms[j], -1, 1)
                if cosine < usual[i, j]:
                    tangent = usual[i, j] / np.sqrt(1 - usual[i, j] ** 2)
                    turn = tangent * np.sqrt(1 - cosine**2) - cosine
                    coordinates[i, j] += length / norms[j] * turn
                usual[i, j] += beta * (cosine - usual[i, j])
    return coordinates.sum(axis=0)


def pcd(rows, tau):
    """The first step, for the first task: a least distance program of Lawson and Hanson."""
    norms = np.linalg.norm(rows, axis=1)
    w = np.zeros(len(rows))
    units = rows / norms_or_one(rows)[:, None]
    others = np.flatnonzero(norms[1:]) + 1
    if norms[0] == 0 or not len(others):
        return w + (norms[0] > 0) * np.eye(len(rows))[0]
    lack = tau - units[others] @ units[0]
    system = np.vstack([units[others].T, lack])
    end = np.append(np.zeros(rows.shape[1]), 1.0)
    pushes = nnls(system, end, maxiter=10_000)[0]
    length, rest = np.linalg.norm(pushes @ units[others]), 1 - lack @ pushes
    w[0] = 1
    # Pushes that cancel each other: the constraints contradict each other, to float32's rounding.
    if length > 1e-3 * pushes.sum():
        w[others] = pushes / rest
        if length < 2e-2 * pushes.sum():
            # They nearly do: plait's ridge, which makes up for that rounding, shows.
            return None
    return norms[0] / np.linalg.norm(w @ units) * w / norms_or_one(rows)


# What a method minimises: the value, the size of the terms it is made of, and its slope along the
# direction, which says how much of it float32 weights can hold.


def objective_of_mgda(rows, w):
    length = np.linalg.norm(w @ rows)
    return length**2, length**2, 2 * length


def objective_of_dualproj(rows, w, reg_eps=1e-7):
    trace = (rows**2).sum()
    trace = trace if trace > 0 else 1.0
    length = np.linalg.norm(w @ rows)
    value = length**2 / trace + reg_eps * w @ w
    return value, value, 2 * length / trace


def objective_of_cagrad(rows, w, c=0.4):
    """Of the shares that the weights hold; 0 where they hold none, but the mean alone."""
    shares = np.maximum(w - 1 / len(w), 0)
    if shares.max() < 1e-7:
        return 0.0, 0.0, 0.0
    direction = shares / shares.sum() @ rows
    mean = rows.mean(axis=0)
    length = np.linalg.norm(direction)
    terms = direction @ mean, c * np.linalg.norm(mean) * length
    return sum(terms), abs(terms[0]) + terms[1], (1 + 1 / c) * length


def objective_of_fair(rows, w, alpha):
    length, gain = np.linalg.norm(w @ rows), _gain(w[rows.any(axis=1)], 1 / alpha)
    size = length**2 / 2 + np.abs(gain).sum()
    return length**2 / 2 - gain.sum(), size, length


def _gain(x, p):
    return np.log(x) if p == 1 else x ** (1 - p) / (1 - p)
