"""The two-dimensional problem once more: plain NumPy in float64, with closed forms for two tasks.

Nothing here is plait's. The rules are the papers', with no ridge and no fallback; "UPGrad" alone has
the ridge that plait's has, so that what that changes is seen apart from float32's rounding.
"""

import numpy as np

GRID = np.linspace(0.0, 1.0, 101)


def losses_at(x, scale):
    """`(runs, 2)` losses and their `(runs, 2, 2)` Jacobian; a clamp passes the gradient at its tie."""
    x1, x2 = x.T
    turn, half = np.tanh(x2), np.tanh(x2 / 2)
    values, slopes = [], []
    for inside, sign in ((0.5 * (-x1 - 7) + turn, 1), (0.5 * (-x1 + 3) - turn + 2, -1)):
        far = np.abs(inside) >= 5e-6
        log = np.log(np.where(far, np.abs(inside), 5e-6)) + 6
        rate = np.where(far, 1 / np.where(far, inside, 1.0), 0.0)
        along = np.stack([-0.5 * rate, sign * (1 - turn**2) * rate], -1)
        bowl = ((-x1 + sign * 7) ** 2 + 0.1 * (-x2 - 8) ** 2) / 10 - 20
        down = np.stack([(x1 - sign * 7) / 5, (x2 + 8) / 50], -1)
        above, below = np.maximum(half, 0), np.maximum(-half, 0)
        bend = (half >= 0) * log - (half <= 0) * bowl
        values.append(log * above + bowl * below)
        slope = along * above[:, None] + down * below[:, None]
        slope[:, 1] += bend * (1 - half**2) / 2
        slopes.append(slope)
    values[0], slopes[0] = scale * values[0], scale[:, None] * slopes[0]
    return np.stack(values, -1), np.stack(slopes, -2)


def mgda(a, b, ab):
    apart = np.maximum(a + b - 2 * ab, np.finfo(float).tiny)  # 0 where the gradients are the same
    first = np.clip((b - ab) / apart, 0, 1)
    return first, 1 - first


def pcgrad(a, b, ab):
    """Of two tasks each has one other to be projected on, so that the random order decides nothing."""
    return 1 - np.minimum(ab, 0) / a, 1 - np.minimum(ab, 0) / b


def upgrad(a, b, ab):
    """Twice the mean of the projections, for the Gramian plus 1e-7 of its trace."""
    ridge = 1e-7 * (a + b)
    return pcgrad(a + ridge, b + ridge, ab)


def cagrad(a, b, ab, c=0.4):
    """The shares by a search on [0, 1], each round on a tenth of the last one's piece."""
    mean = np.sqrt(combined(a, b, ab, 0.5))
    low, wide = np.zeros_like(a), np.ones_like(a)
    for _ in range(4):
        first = np.clip(low[:, None] + wide[:, None] * GRID, 0, 1)
        length = np.sqrt(combined(a[:, None], b[:, None], ab[:, None], first))
        along = (first * (a + ab)[:, None] + (1 - first) * (b + ab)[:, None]) / 2
        best = np.argmin(along + c * mean[:, None] * length, 1)
        first = np.take_along_axis(first, best[:, None], 1)[:, 0]
        wide = wide / 10
        low = first - wide / 2
    stretch = c * mean / (np.sqrt(combined(a, b, ab, first)) + 1e-8)  # the authors' 1e-8
    return 0.5 + stretch * first, 0.5 + stretch * (1 - first)


def combined(a, b, ab, first):
    """||first g_1 + (1 - first) g_2||^2, which rounding may take below 0."""
    square = first**2 * a + (1 - first) ** 2 * b + 2 * first * (1 - first) * ab
    return np.maximum(square, 0.0)


def nash(a, b, ab):
    """On the front the cosine is -1 but for rounding, and so may not be smaller."""
    common = np.sqrt(np.maximum(1 + ab / np.sqrt(a * b), np.finfo(float).eps))
    return 1 / (np.sqrt(a) * common), 1 / (np.sqrt(b) * common)


def imtl_g(a, b, ab):
    """Of the published fraction the factor 1 - cos is divided out: it is 0 / 0 where both agree."""
    first = np.sqrt(b) / (np.sqrt(a) + np.sqrt(b))
    return first, 1 - first


def aligned_mtl(a, b, ab):
    values, vectors = np.linalg.eigh(np.stack([a, ab, ab, b], -1).reshape(-1, 2, 2))
    values = np.maximum(values, np.finfo(float).tiny)
    along = np.sqrt(values[:, :1] / values) * vectors.sum(1)
    return tuple(np.einsum("rij,rj->ir", vectors, along))


RULES = {
    "LS": lambda a, b, ab: (np.ones_like(a), np.ones_like(b)),
    "MGDA": mgda,
    "PCGrad": pcgrad,
    "UPGrad": upgrad,
    "UPGrad 1e-12": pcgrad,
    "CAGrad": cagrad,
    "NashMTL": nash,
    "FairGrad": nash,
    "IMTLG": imtl_g,
    "AlignedMTL": aligned_mtl,
}


class Adam:
    def __init__(self, shape):
        self.mean, self.square, self.count = np.zeros(shape), np.zeros(shape), 0

    def move(self, gradient):
        self.count += 1
        self.mean = 0.9 * self.mean + 0.1 * gradient
        self.square = 0.999 * self.square + 0.001 * gradient**2
        mean, square = self.mean / (1 - 0.9**self.count), self.square / (1 - 0.999**self.count)
        return mean / (np.sqrt(square) + 1e-8)


def paths(name, starts, scales, steps, every):
    """`(scales, starts, steps / every, 2)`: where Adam at 1e-3 stands every so many steps."""
    scale = np.repeat(scales, len(starts))
    x = np.tile(np.asarray(starts, float), (len(scales), 1))
    adam, logits, logit_adam = Adam(x.shape), np.zeros(x.shape), Adam(x.shape)
    least = np.stack([-21 * scale, np.full_like(scale, -21.0)], -1)
    values, slopes = losses_at(x, scale)
    found = []
    for number in range(steps):
        if name in RULES:
            rows = slopes[:, 0], slopes[:, 1]
            a, b, ab = (np.sum(g * h, -1) for g, h in ((rows[0],) * 2, (rows[1],) * 2, rows))
            weights = np.stack(RULES[name](a, b, ab), -1)
        else:
            shares = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
            weights = shares / (values - least + 1e-8)
            weights = weights / weights.sum(-1, keepdims=True)
        x = x - 1e-3 * adam.move(np.einsum("rt,rtd->rd", weights, slopes))
        before = values
        values, slopes = losses_at(x, scale)
        if name not in RULES:
            fall = np.log(before - least + 1e-8) - np.log(values - least + 1e-8)
            pull = shares * (fall - np.sum(shares * fall, -1, keepdims=True))
            logits = logits - 0.025 * logit_adam.move(pull + float(name.split()[1]) * logits)
        if (number + 1) % every == 0:
            found.append(x)
    return np.stack(found, 1).reshape(len(scales), len(starts), -1, 2)
