"""Every method that looks at a Gramian: closed forms, float64 oracles, the torchjd package.

Each balancer stands as a training step has it: its default number of rounds, float32 in and out,
jitted, among 16 tasks of which some are not active.
"""

import functools

import keras
import numpy as np
import pytest

import plait
from plait import backend
from plait._hash import hash_int32, name_key
from plait.balancing import Evidence, StepContext
from plait.balancing._solvers import nonnegative_qp
from tests.unit.balancing import oracles

pytestmark = pytest.mark.backends
NAMES = tuple("abcdefghijklmnop")
PROBLEMS = 200
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
METHODS = {
    "MGDA": (plait.MGDA(), oracles.mgda),
    "PCGrad": (plait.PCGrad(), None),
    "UPGrad": (plait.UPGrad(), oracles.upgrad),
    "DualProj": (plait.DualProj(), oracles.dualproj),
    "CAGrad": (plait.CAGrad(c=0.4), oracles.cagrad),
    "NashMTL": (plait.NashMTL(), functools.partial(oracles.fair, alpha=1.0)),
    "IMTLG": (plait.IMTLG(), oracles.imtlg),
    "ConFIG": (plait.ConFIG(), oracles.config),
}
for name, alpha in list(FAIR.items())[1:]:
    METHODS[name] = (plait.FairGrad(alpha), functools.partial(oracles.fair, alpha=alpha))
for scale in ("min", "median", "rmse"):
    oracle = functools.partial(oracles.alignedmtl, scale=scale)
    METHODS[f"AlignedMTL {scale}"] = (plait.AlignedMTL(scale), oracle)
OBJECTIVES = {
    "MGDA": oracles.objective_of_mgda,
    "DualProj": oracles.objective_of_dualproj,
    "CAGrad": oracles.objective_of_cagrad,
    **{n: functools.partial(oracles.objective_of_fair, alpha=a) for n, a in FAIR.items()},
}


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
# Only JAX compiles here; the other backends take one problem in 29, each of another kind and size.
PROBLEM = [
    (KINDS[(n + n // 45) % 9], gradients(KINDS[(n + n // 45) % 9], 2 + n % 15, n))
    for n in range(0, PROBLEMS, 1 if keras.backend.backend() == "jax" else 29)
]


def places(number, tasks):
    """Where among the 16 the tasks of a problem stand."""
    return np.sort(np.random.default_rng(number).permutation(len(NAMES))[:tasks])


@functools.cache
def compiled(name):
    balancer, _ = METHODS[name]
    balancer.build(NAMES)
    ones, step = np.ones(len(NAMES), "float32"), np.zeros((), "int32")

    def weights(gramian, active):
        losses, now = keras.ops.convert_to_tensor(ones), keras.ops.convert_to_tensor(step)
        return balancer.weights(Evidence(losses, gramian), StepContext(NAMES, active, now))[0]

    if keras.backend.backend() == "jax":
        import jax

        return jax.jit(jax.vmap(weights))
    return lambda gramians, actives: keras.ops.stack(
        [weights(*problem) for problem in zip(gramians, actives, strict=True)]
    )


def weigh(name, gramians):
    """The method's weights for each of at most 200 Gramians."""
    size = PROBLEMS if keras.backend.backend() == "jax" else len(gramians)
    full = np.zeros((size, len(NAMES), len(NAMES)), "float32")
    active = np.zeros((size, len(NAMES)), bool)
    for number, gramian in enumerate(gramians):
        where = places(number, len(gramian))
        full[number][np.ix_(where, where)] = gramian
        active[number, where] = True
    tensors = keras.ops.convert_to_tensor(full), keras.ops.convert_to_tensor(active)
    found = keras.ops.convert_to_numpy(compiled(name)(*tensors)).astype(float)
    np.testing.assert_array_equal(found[~active], 0)
    assert np.isfinite(found).all()
    return [weights[on] for weights, on in zip(found[: len(gramians)], active, strict=False)]


@functools.cache
def weighed(name):
    """`(rows, weights, the oracle's)` of all problems; None where there is no answer."""
    found = weigh(name, [gramian_of(rows) for _, rows in PROBLEM])
    return [
        (rows, weights, answer(name, rows, kind, places(number, len(rows))))
        for number, ((kind, rows), weights) in enumerate(zip(PROBLEM, found, strict=True))
    ]


@functools.cache
def order_of_pcgrad():
    keys = np.array([name_key(name) for name in NAMES], "int32")
    step = keras.ops.zeros((), "int32")
    return keras.ops.convert_to_numpy(hash_int32(0, step, keys[:, None], keys[None, :]))


def answer(name, rows, kind, where):
    if name == "PCGrad":
        order = np.argsort(order_of_pcgrad()[np.ix_(where, where)], axis=1)
        return oracles.pcgrad(rows, order)
    if name in FAIR and oracles.distance_to_common_descent(rows) < 1e-6:
        return None
    if name == "FairGrad 5.0" and "of unlike lengths" in kind:
        # Weights down to 1e-30: float64 does not hold the equation.
        return None
    return METHODS[name][1](rows)


def rounding(rows, weights):
    """How far float32 weights, or float64 sums of such gradients, can be from a direction."""
    norms = np.linalg.norm(rows, axis=1)
    return 1e-7 * np.abs(weights) @ norms + 1e-12 * norms.max()


def distance(one, other, rows):
    """Between two directions, in units of the tolerance: 1e-4 of the second's length."""
    unseen = rounding(rows, np.maximum(np.abs(one), np.abs(other)))
    return np.linalg.norm((one - other) @ rows) / (1e-4 * np.linalg.norm(other @ rows) + unseen)


@pytest.mark.parametrize("name", METHODS)
def test_direction(name):
    for number, (rows, found, expected) in enumerate(weighed(name)):
        if expected is not None:
            assert distance(found, expected, rows) <= 1, (number, len(rows))


@pytest.mark.parametrize("name", OBJECTIVES)
def test_objective(name):
    for number, (rows, found, expected) in enumerate(weighed(name)):
        if expected is None:
            continue
        (reached, _, one), (least, size, other) = (
            OBJECTIVES[name](rows, weights) for weights in (found, expected)
        )
        unseen = rounding(rows, np.maximum(found, expected)) * max(one, other)
        assert abs(reached - least) <= 1e-6 * size + unseen, number


TWO = [np.array([[1.0, -0.6], [-0.6, 4.0]]), np.array([[2.0, 0.5], [0.5, 0.3]]), np.diag([9.0, 1])]


@pytest.mark.parametrize("gramian", TWO)
def test_closed_forms_of_two_tasks(gramian):
    (a, b), (_, c) = gramian
    w = {name: weigh(name, [gramian])[0] for name in METHODS}
    share = np.clip((c - b) / (a + c - 2 * b), 0, 1)
    np.testing.assert_allclose(w["MGDA"], [share, 1 - share], atol=1e-6)
    first = 1 / np.sqrt(a + b * np.sqrt(a / c))
    np.testing.assert_allclose(w["NashMTL"], [first, first * np.sqrt(a / c)], rtol=1e-6)
    np.testing.assert_allclose(w["FairGrad 1.0"], w["NashMTL"], rtol=1e-6)
    np.testing.assert_allclose(w["UPGrad"], w["PCGrad"] / 2, rtol=1e-5)
    along = gramian @ w["IMTLG"] / np.sqrt(np.diag(gramian))
    np.testing.assert_allclose([w["IMTLG"].sum(), along[0]], [1, along[1]], rtol=1e-5)
    angles = gramian @ w["ConFIG"] / np.sqrt(np.diag(gramian))
    np.testing.assert_allclose(angles[0], angles[1], rtol=1e-5)


NOTHING = np.zeros((3, 3))
ONE_ZERO = np.diag([0.0, 1.0, 4.0])
AGAINST = np.outer([1.0, -2.0], [1.0, -2.0])
NEARLY = np.array([[2.0, -3.0], [-3.0, 4.5 + 1e-6]])


@pytest.mark.parametrize(
    ("name", "gramian", "expected"),
    [
        ("UPGrad", NOTHING, [1 / 3, 1 / 3, 1 / 3]),
        ("DualProj", NOTHING, [1 / 3, 1 / 3, 1 / 3]),
        ("PCGrad", NOTHING, [1, 1, 1]),
        *((name, NOTHING, [0, 0, 0]) for name in (*FAIR, "IMTLG", "ConFIG")),
        ("CAGrad", NOTHING, [1 / 3, 1 / 3, 1 / 3]),
        *((f"AlignedMTL {scale}", NOTHING, [0, 0, 0]) for scale in ("min", "median", "rmse")),
        ("MGDA", ONE_ZERO, [1, 0, 0]),
        ("CAGrad", ONE_ZERO, [1 / 3, 1 / 3, 1 / 3]),
        ("NashMTL", ONE_ZERO, [0, 1, 0.5]),
        ("FairGrad 0.5", ONE_ZERO, [0, 1, 4 ** (-1 / 3)]),
        ("IMTLG", ONE_ZERO, [0, 2 / 3, 1 / 3]),
        ("ConFIG", ONE_ZERO, [0, 1.5, 0.75]),
        ("MGDA", AGAINST, [2 / 3, 1 / 3]),
        *((name, AGAINST, [0, 0]) for name in (*FAIR, "IMTLG", "ConFIG")),
        *((name, NEARLY, [0, 0]) for name in ("IMTLG", "ConFIG")),
        ("CAGrad", AGAINST, [0.7, 0.5]),
        ("CAGrad", NEARLY, [0.6, 0.5]),
        ("CAGrad", np.outer([1.0, -1.0], [1.0, -1.0]), [1 / 2, 1 / 2]),
    ],
)
def test_what_comes_back_where_a_method_is_not_defined(name, gramian, expected):
    np.testing.assert_allclose(weigh(name, [gramian])[0], expected, rtol=1e-6, atol=1e-7)


# At a right angle and against each other, the second far shorter: a task that has all but
# converged stops nobody, and moves the others within the ball.
@pytest.mark.parametrize("gramian", [np.diag([1, 1e-9]), [[1, -9e-6], [-9e-6, 1e-10]]])
def test_cagrad_of_a_task_that_has_nearly_converged(gramian):
    found = weigh("CAGrad", [np.array(gramian)])[0]
    np.testing.assert_allclose(found, cagrad_of_two(np.array(gramian), 0.4), rtol=1e-4)


def cagrad_of_two(gramian, c):
    """By the root of the slope over the first task's share, where ||g_w||^2 = A (h^2 + D^2)."""
    (a, b), (_, d) = gramian
    turn, middle = a + d - 2 * b, (d - b) / (a + d - 2 * b)
    radius, slope = c * np.sqrt(gramian.sum()) / 2, (a - d) / 2
    deep = np.sqrt(max(d / turn - middle**2, 0))
    share = middle - slope * deep / np.sqrt(max(radius**2 * turn - slope**2, 0) or 1e-300)
    shares = np.array([np.clip(share, 0, 1), 1 - np.clip(share, 0, 1)])
    return 0.5 + radius / np.sqrt(shares @ gramian @ shares) * shares


def test_cagrad_stays_in_its_ball_whatever_the_rounding_of_the_gramian():
    everything = []
    for seed in range(60):
        draw = np.random.default_rng(seed)
        rows = draw.normal(size=(5, 4096)) + draw.choice([-3, 0, 3], (5, 1))
        rows *= 10.0 ** (draw.uniform(-9, 0, (5, 1)) * (seed % 3 == 0))
        if seed % 4:
            # Nearly Pareto stationary.
            rows[-1] = -rows[:-1].mean(axis=0) + 10.0 ** -draw.integers(1, 5) * rows[0]
        everything.append(rows.astype("float32"))
    found = weigh("CAGrad", [rows @ rows.T for rows in everything])
    for rows, weights in zip(everything, found, strict=True):
        mean = rows.astype(float).mean(axis=0)
        assert np.linalg.norm(weights @ rows - mean) <= 1.01 * 0.4 * np.linalg.norm(mean)


@pytest.mark.parametrize("name", FAIR)
def test_where_no_direction_serves_all_tasks_fair_weights_are_0(name):
    for (_, weights, expected), (kind, rows) in zip(weighed(name), PROBLEM, strict=True):
        if expected is None and not ("5.0" in name and "of unlike lengths" in kind):
            np.testing.assert_array_equal(weights, np.zeros(len(rows)))


@pytest.mark.parametrize("name", METHODS)
def test_gradients_repeated_but_for_the_rounding_of_float32_give_finite_weights(name):
    gramians = []
    for seed in range(4):
        draw = np.random.default_rng(seed)
        rows = draw.normal(size=(6, 18)).astype("float32")
        rows[1::2] = rows[::2] * np.float32(draw.choice([-1.3, 1.3]))
        gramians.append(gramian_of(rows))
    weigh(name, gramians)


def test_pivoting_and_the_way_from_inside_agree_where_pivoting_cycles():
    draw = np.random.default_rng(0)
    rows = draw.normal(size=(6, 12, 6))
    matrix = rows @ rows.transpose(0, 2, 1) + 1e-6 * np.eye(12)
    target = draw.normal(size=(6, 12))
    solve = functools.partial(backend.in_float64, nonnegative_qp)
    if keras.backend.backend() == "jax":
        import jax

        solve = jax.jit(solve)
    found = solve(*(keras.ops.convert_to_tensor(a.astype("float32")) for a in (matrix, target)))
    for x, m, t in zip(keras.ops.convert_to_numpy(found), matrix, target, strict=True):
        slope = m @ x - t
        assert (x >= -1e-5).all()
        assert (slope >= -1e-2).all()
        assert abs(x @ slope) < 1e-2


def peer(name):
    """torchjd's weighting of the same name, with plait's constants."""
    torchjd = pytest.importorskip("torchjd.aggregation")
    pytest.importorskip("qpsolvers")
    from torchjd.linalg import QuadprogProjector

    exact = QuadprogProjector(norm_eps=1e-30, reg_eps=1e-7)
    return {
        "MGDA": lambda: torchjd.MGDAWeighting(epsilon=1e-9, max_iters=500),
        "UPGrad": lambda: torchjd.UPGradWeighting(projector=exact),
        "DualProj": lambda: torchjd.DualProjWeighting(projector=exact),
        "CAGrad": lambda: torchjd.CAGradWeighting(c=0.4, norm_eps=1e-8),
        "NashMTL": lambda: torchjd.FairGradWeighting(alpha=1.0),
        "FairGrad 0.5": lambda: torchjd.FairGradWeighting(alpha=0.5),
        "FairGrad 2.0": lambda: torchjd.FairGradWeighting(alpha=2.0),
        "IMTLG": torchjd.IMTLGWeighting,
        "AlignedMTL min": torchjd.AlignedMTLWeighting,
        "AlignedMTL median": lambda: torchjd.AlignedMTLWeighting(scale_mode="median"),
        "AlignedMTL rmse": lambda: torchjd.AlignedMTLWeighting(scale_mode="rmse"),
    }[name]()


# How many of 29 problems torchjd solves to the tolerance, at least. Its other solvers stop by
# absolute numbers, or count as 0 what plait does not, or the other way round.
SOLVED = {
    "MGDA": 15,
    "UPGrad": 29,
    "DualProj": 29,
    "CAGrad": 20,
    "NashMTL": 12,
    "FairGrad 0.5": 15,
    "FairGrad 2.0": 10,
    "IMTLG": 12,
    "AlignedMTL min": 15,
    "AlignedMTL median": 15,
    "AlignedMTL rmse": 15,
}


@pytest.mark.parametrize(("name", "at_least"), SOLVED.items())
@pytest.mark.skipif(keras.backend.backend() != "jax", reason="a few problems say nothing")
def test_torchjd_agrees_where_it_is_solved(name, at_least):
    weighting = peer(name)
    import torch

    solved = 0
    for rows, found, expected in weighed(name)[::7]:
        if expected is not None:
            theirs = weighting(torch.tensor(rows @ rows.T)).numpy().astype(float)
            if distance(theirs, expected, rows) <= 1:
                solved += 1
                assert distance(found, theirs, rows) <= 1
    assert solved >= at_least
