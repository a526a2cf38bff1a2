"""200 sets of gradients, and what each method that looks at a Gramian makes of them.

Each balancer stands as a training step has it: its default number of rounds, float32 in and out,
jitted, for as many tasks as the problem has or, as each number of tasks is a program of its own, for
the next of a few numbers; or among 16 tasks of which some are not active.
"""

import functools

import keras
import numpy as np

import plait
from plait._hash import hash_int32, name_key
from plait.balancing import Evidence, StepContext
from tests.unit.balancing import oracles

NAMES = tuple("abcdefghijklmnop")
# Only JAX compiles here.
JAX = keras.backend.backend() == "jax"
SIZES = (2, 3, 5, 8, 12, 16) if JAX else range(2, 17)
PROBLEMS = 200
TAU = 0.3
KINDS = (
    "at random",
    "nearly parallel",
    "nearly opposed",
    "nearly of sum 0",
    "of low rank",
    "repeated, some against each other",
    "some of them 0",
    "of unlike lengths",
    "nearly parallel, of unlike lengths",
)
FAIR = {"NashMTL": 1.0, **{f"FairGrad {alpha}": alpha for alpha in (0.5, 1.0, 2.0, 5.0)}}
SCALES = ("min", "median", "rmse")
# What makes the balancer, and the weights that it should give; None where these need an order.
METHODS = {
    "MGDA": (plait.MGDA, oracles.mgda),
    "PCGrad": (plait.PCGrad, None),
    "GradVac": (functools.partial(plait.GradVac, beta=0.5), None),
    "UPGrad": (plait.UPGrad, oracles.upgrad),
    "DualProj": (plait.DualProj, oracles.dualproj),
    "CAGrad": (plait.CAGrad, oracles.cagrad),
    "NashMTL": (plait.NashMTL, functools.partial(oracles.fair, alpha=1.0)),
    "IMTLG": (plait.IMTLG, oracles.imtlg),
    "ConFIG": (plait.ConFIG, oracles.config),
    "PCD": (
        functools.partial(plait.PCD, primary="a", tau=TAU, eps=0.0),
        functools.partial(oracles.pcd, tau=TAU),
    ),
}
for name, alpha in list(FAIR.items())[1:]:
    oracle = functools.partial(oracles.fair, alpha=alpha)
    METHODS[name] = functools.partial(plait.FairGrad, alpha), oracle
for scale in SCALES:
    oracle = functools.partial(oracles.alignedmtl, scale=scale)
    METHODS[f"AlignedMTL {scale}"] = functools.partial(plait.AlignedMTL, scale), oracle
STEPS = {"GradVac": 2}
"""A method that remembers is asked again: in the first step GradVac is PCGrad."""


def gradients(kind, tasks, seed):
    """Integers times powers of two, so that float32 holds every number of the Gramian exactly.

    What is then asked of a method has one answer, whatever the condition.
    """

    draw = np.random.default_rng(seed)

    def integers(most, *shape):
        return draw.integers(-most, most + 1, shape).astype(float)

    rows = integers(9, tasks, 2 * tasks)
    if "nearly parallel" in kind or kind == "nearly opposed":
        common = draw.choice([20, 150, 900]) * draw.choice([-1, 1], tasks)
        rows = common + integers(1, tasks, tasks)
    if kind == "nearly opposed":
        rows[1::2] *= -1
    if kind == "nearly of sum 0":
        rows = tasks * rows - rows.sum(axis=0) + integers(1, tasks, 2 * tasks)
    if kind == "of low rank":
        rank = draw.integers(1, tasks)
        rows = integers(4, tasks, rank) @ integers(4, rank, 2 * tasks)
    if kind == "repeated, some against each other":
        again = rows[::2][: len(rows[1::2])]
        rows[1::2] = again * draw.choice([-1, 0.25, 1, 2], (len(again), 1))
    if kind == "some of them 0":
        rows[draw.random(tasks) < 0.4] = 0
    if "of unlike lengths" in kind:
        rows *= 2.0 ** integers(13, tasks, 1)
    rows *= 2.0 ** draw.integers(-20, 21)
    assert (gramian_of(rows) == rows @ rows.T).all()
    return rows


def gramian_of(rows):
    return (rows @ rows.T).astype("float32")


# Every kind meets every number of tasks: 9 and 15 have the divisor 3, so every 45 problems it shifts.
# Backends that do not compile take one problem in 29, each of another kind and size.
PROBLEM = [
    (KINDS[(n + n // 45) % 9], gradients(KINDS[(n + n // 45) % 9], 2 + n % 15, n))
    for n in range(0, PROBLEMS, 1 if JAX else 29)
]


@functools.cache
def compiled(make, steps, count):
    """From Gramians and which tasks are active, both `(problems, ...)`, to the last step's weights."""
    balancer, names = make(), NAMES[:count]
    balancer.build(names)
    start = [keras.ops.convert_to_tensor(v) for v in balancer.variables]

    def weights(gramian, active):
        state, losses = start, keras.ops.ones(count)
        for step in range(steps):
            with keras.StatelessScope(list(zip(balancer.variables, state, strict=True))) as scope:
                found, _ = balancer.weights(
                    Evidence(losses, gramian),
                    StepContext(names, active, keras.ops.full((), step, "int32")),
                )
            state = [scope.get_current_value(v) for v in balancer.variables]
        return found

    if JAX:
        import jax

        return jax.jit(jax.vmap(weights))
    return lambda gramians, actives: keras.ops.stack(
        [weights(*problem) for problem in zip(gramians, actives, strict=True)]
    )


def weigh(method, gramians, among=None):
    """The weights for each Gramian: by a method's name, or by what makes a balancer.

    Args:
        among: for each Gramian where among 16 tasks its own stand, the others not being active;
            without it there are no others.
    """
    make, steps = method, 1
    if isinstance(method, str):
        make, steps = METHODS[method][0], STEPS.get(method, 1)
    found = [None] * len(gramians)
    sizes = [len(NAMES) if among else room(len(gramian)) for gramian in gramians]
    where = among or [np.arange(len(gramian)) for gramian in gramians]
    for size in set(sizes):
        numbers = [n for n, s in enumerate(sizes) if s == size]
        # JAX compiles once for each number of tasks and of problems: it gets 14 at a time.
        most = 14 if JAX else len(numbers)
        for at in range(0, len(numbers), most):
            some = numbers[at : at + most]
            full, active = np.zeros((most, size, size), "float32"), np.zeros((most, size), bool)
            for place, n in enumerate(some):
                full[place][np.ix_(where[n], where[n])] = gramians[n]
                active[place, where[n]] = True
            tensors = keras.ops.convert_to_tensor(full), keras.ops.convert_to_tensor(active)
            weights = compiled(make, steps, size)(*tensors)
            weights = keras.ops.convert_to_numpy(weights).astype(float)
            np.testing.assert_array_equal(weights[~active], 0)
            assert np.isfinite(weights).all()
            for place, n in enumerate(some):
                found[n] = weights[place, where[n]]
    return found


def room(tasks):
    """Of how many tasks the program is that so many are given to."""
    return next(size for size in SIZES if size >= tasks)


@functools.cache
def weighed(name):
    """The method's weights of every problem, among no others."""
    return weigh(name, [gramian_of(rows) for _, rows in PROBLEM])


@functools.cache
def expected(name):
    """The oracle's weights of every problem; None where it has no answer."""
    return [answer(name, rows, np.arange(len(rows))) for _, rows in PROBLEM]


def answer(name, rows, where):
    """The oracle's weights, of tasks that stand at these places."""
    if name == "PCGrad":
        return oracles.pcgrad(rows, meetings(where, 0))
    if name == "GradVac":
        return oracles.gradvac(rows, [meetings(where, step) for step in range(2)], beta=0.5)
    if name in FAIR and oracles.distance_to_common_descent(rows) < 1e-6:
        return None
    if name == "FairGrad 5.0":
        # Among such lengths weights differ by 1e30 and more: float64 does not hold the equation.
        norms = np.linalg.norm(rows[rows.any(axis=1)], axis=1)
        if norms.max() > 300 * norms.min():
            return None
    return METHODS[name][1](rows)


def meetings(where, step):
    """Whom each task meets, in order."""
    return np.argsort(hashes(step)[np.ix_(where, where)], axis=1)


@functools.cache
def hashes(step):
    """Of every pair of the 16 tasks."""
    keys = np.array([name_key(name) for name in NAMES], "int32")
    step = keras.ops.full((), step, "int32")
    return keras.ops.convert_to_numpy(hash_int32(0, step, keys[:, None], keys[None, :]))


def rounding(rows, weights):
    """How far float32 weights, or float64 sums of such gradients, can be from a direction."""
    norms = np.linalg.norm(rows, axis=1)
    return 1e-7 * np.abs(weights) @ norms + 1e-12 * norms.max()


def distance(one, other, rows):
    """Between two directions, in units of the tolerance: 1e-4 of the second's length."""
    unseen = rounding(rows, np.maximum(np.abs(one), np.abs(other)))
    return np.linalg.norm((one - other) @ rows) / (1e-4 * np.linalg.norm(other @ rows) + unseen)
