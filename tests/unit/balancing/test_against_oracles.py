"""Every method that looks at a Gramian: closed forms, float64 oracles, and where these say nothing."""

import functools

import keras
import numpy as np
import pytest

import plait
from plait import backend
from plait.balancing._dual_cone import dual_cone_weights
from plait.balancing._solvers import nonnegative_qp
from tests.unit.balancing import oracles
from tests.unit.balancing.problems import (
    FAIR,
    METHODS,
    PROBLEM,
    SCALES,
    answer,
    distance,
    expected,
    gramian_of,
    room,
    rounding,
    weigh,
    weighed,
)

OBJECTIVES = {
    "MGDA": oracles.objective_of_mgda,
    "DualProj": oracles.objective_of_dualproj,
    "CAGrad": oracles.objective_of_cagrad,
    **{n: functools.partial(oracles.objective_of_fair, alpha=a) for n, a in FAIR.items()},
}


def compiled(fn):
    if keras.backend.backend() == "jax":
        import jax

        return jax.jit(fn)
    return fn


# Of 200, those that have an answer: a direction that serves all tasks for the fair ones, weights that
# float64 holds for FairGrad(5), constraints that do not all but contradict each other for PCD.
COMPARED = dict.fromkeys(METHODS, 200) | dict.fromkeys(FAIR, 169)
COMPARED |= {"FairGrad 5.0": 127, "PCD": 192}
# The oracles know plait's constants: the ridge of UPGrad and DualProj, and what counts as
# rounding. These know none. Where
# the least eigenvalue, of the Gramian or of the cosines, is more than such a share of the largest, the
# answer is theirs to the same tolerance.
EXACT = {
    "UPGrad": (functools.partial(oracles.upgrad, reg_eps=0.0), 1e-3),
    "DualProj": (functools.partial(oracles.dualproj, reg_eps=0.0), 1e-3),
    "CAGrad": (functools.partial(oracles.cagrad, norm_eps=0.0), 1e-3),
    "IMTLG": (functools.partial(oracles.imtlg, rank=1e-20), 1e-5),
    "ConFIG": (functools.partial(oracles.config, rank=1e-20), 1e-5),
    **{
        f"AlignedMTL {s}": (functools.partial(oracles.alignedmtl, scale=s, rank=1e-20), 1e-5)
        for s in SCALES
    },
}
# So many of 200 are posed so well.
WELL_POSED = {"UPGrad": 27, "DualProj": 27, "CAGrad": 27, "IMTLG": 71, "ConFIG": 71}
WELL_POSED |= {f"AlignedMTL {s}": 50 for s in SCALES}


@pytest.mark.parametrize("name", METHODS)
def test_problems(name):
    """One test a method, so that each program is compiled once."""
    compared = well_posed = 0
    for number, ((_, rows), found, best) in enumerate(
        zip(PROBLEM, weighed(name), expected(name), strict=True)
    ):
        if best is not None:
            compared += 1
            assert distance(found, best, rows) <= 1, (number, len(rows))
            if name in OBJECTIVES:
                assert excess(name, rows, found, best) <= 1, number
        if name in EXACT and is_well_posed(name, rows):
            well_posed += 1
            assert distance(found, EXACT[name][0](rows), rows) <= 1, number
        if name in FAIR:
            check_fair(name, rows, found)
    if len(PROBLEM) == 200:
        assert (compared, well_posed) == (COMPARED[name], WELL_POSED.get(name, 0))


def excess(name, rows, found, best):
    """Of the objective over the oracle's, in units of the tolerance: 1e-6 of its terms."""
    (reached, _, one), (least, size, other) = (
        OBJECTIVES[name](rows, weights) for weights in (found, best)
    )
    unseen = rounding(rows, np.maximum(found, best)) * max(one, other)
    return abs(reached - least) / (1e-6 * size + unseen + 1e-300)


def is_well_posed(name, rows):
    by = oracles.norms_or_one(rows)[:, None] if name in ("IMTLG", "ConFIG") else 1.0
    values = np.linalg.svd(rows / by, compute_uv=False) ** 2
    return values.min() > EXACT[name][1] * values.max()


def check_fair(name, rows, weights):
    """Weights solve their equation to the rounding of float32, or are 0 where nothing does.

    Those of FairGrad(5) may differ by 1e40 among gradients of unlike lengths; what the last round has
    then reached is all that there is.
    """
    if oracles.distance_to_common_descent(rows) < 1e-6:
        np.testing.assert_array_equal(weights, np.zeros(len(rows)))
        return
    least = np.finfo("float32").tiny
    there = rows.any(axis=1)
    given, w = rows[there], weights[there]
    gain, size = given @ (w @ given), np.abs(given @ given.T) @ w
    held = w > least
    off = np.abs(gain[held] - w[held] ** (-1 / FAIR[name]))
    assert (off <= (0.05 if name == "FairGrad 5.0" else 2e-7) * size[held]).all()
    # What float32 does not hold is 0.
    assert (gain[~held] ** -FAIR[name] < 2 * least).all()


def test_each_program_of_upgrad():
    """Their T objectives to 1e-6, and that their solutions make the weights."""
    solve = compiled(
        functools.partial(
            backend.in_float64, functools.partial(dual_cone_weights, norm_eps=1e-30, reg_eps=1e-7)
        )
    )
    for (_, rows), weights in zip(PROBLEM, weighed("UPGrad"), strict=True):
        tasks = len(rows)
        targets = np.eye(tasks) / tasks
        more = (0, room(tasks) - tasks)
        given = (np.pad(a, [more] * a.ndim) for a in (gramian_of(rows), np.ones(tasks), targets))
        found = solve(*(keras.ops.convert_to_tensor(a, "float32") for a in given))
        found = keras.ops.convert_to_numpy(found).astype(float)[:tasks, :tasks]
        np.testing.assert_allclose(found.sum(axis=0), weights, rtol=1e-5)
        for one, target in zip(found, targets, strict=True):
            assert (one >= target - 1e-7).all()
            reached, _, slope = oracles.objective_of_dualproj(rows, one)
            least, size, _ = oracles.objective_of_dualproj(rows, oracles.dual_cone(rows, target))
            assert abs(reached - least) <= 1e-6 * size + rounding(rows, one) * slope


@pytest.mark.parametrize("name", METHODS)
def test_tasks_that_are_not_active_change_nothing(name):
    some = PROBLEM[::15] if len(PROBLEM) == 200 else PROBLEM
    places = [
        # The first stays first: PCD knows its primary task by its name.
        np.append(0, 1 + np.sort(np.random.default_rng(n).permutation(15)[: len(rows) - 1]))
        for n, (_, rows) in enumerate(some)
    ]
    found = weigh(name, [gramian_of(rows) for _, rows in some], places)
    for (_, rows), weights, where in zip(some, found, places, strict=True):
        best = answer(name, rows, where)
        assert best is None or distance(weights, best, rows) <= 1


# Of two tasks, those of the 200 and some by hand.
TWO = [
    *(gramian_of(rows).astype(float) for _, rows in PROBLEM if len(rows) == 2),
    np.array([[1.0, -0.6], [-0.6, 4.0]]),
    np.array([[2.0, 0.5], [0.5, 0.3]]),
    np.diag([9.0, 1.0]),
]


def test_upgrad_of_two_tasks_is_half_of_pcgrad_up_to_the_ridge():
    for gramian, ours, half in zip(TWO, weigh("UPGrad", TWO), weigh("PCGrad", TWO), strict=True):
        ridge = 1e-7 * np.trace(gramian) / np.maximum(np.diag(gramian), 1e-300)
        assert (np.abs(ours - half / 2) <= (1e-6 + ridge) * half / 2).all()


def test_fairgrad_of_1_is_nash_mtl():
    for ours, other in zip(weigh("FairGrad 1.0", TWO), weigh("NashMTL", TWO), strict=True):
        np.testing.assert_array_equal(ours, other)


@pytest.mark.parametrize("gramian", TWO[-3:])
def test_closed_forms_of_two_tasks(gramian):
    (a, b), (_, c) = gramian
    names = ("MGDA", "NashMTL", "IMTLG", "ConFIG", "CAGrad", "DualProj")
    names += tuple(f"AlignedMTL {scale}" for scale in SCALES)
    w = {name: weigh(name, [gramian])[0] for name in names}
    share = np.clip((c - b) / (a + c - 2 * b), 0, 1)
    np.testing.assert_allclose(w["MGDA"], [share, 1 - share], atol=1e-6)
    first = 1 / np.sqrt(a + b * np.sqrt(a / c))
    np.testing.assert_allclose(w["NashMTL"], [first, first * np.sqrt(a / c)], rtol=1e-6)
    along = gramian @ w["IMTLG"] / np.sqrt(np.diag(gramian))
    np.testing.assert_allclose([w["IMTLG"].sum(), along[0]], [1, along[1]], rtol=1e-5)
    angles = gramian @ w["ConFIG"] / np.sqrt(np.diag(gramian))
    np.testing.assert_allclose(angles[0], angles[1], rtol=1e-5)
    np.testing.assert_allclose(w["CAGrad"], cagrad_of_two(gramian, 0.4), rtol=1e-5)
    # Whom the mean harms gains nothing then; both are not harmed by it.
    harmed = gramian.sum(axis=1) < 0
    dual = 0.5 + harmed * np.array([-(a + b) / a, -(b + c) / c]) / 2
    np.testing.assert_allclose(w["DualProj"], dual, rtol=1e-5)
    # The root of a 2x2 matrix is (G + sqrt(det) I) / sqrt(trace + 2 sqrt(det)).
    root = np.sqrt(a * c - b * b)
    inverse = np.array([[c + root, -b], [-b, a + root]]) / root / np.sqrt(a + c + 2 * root)
    spread = np.hypot((a - c) / 2, b)
    squares = {"min": (a + c) / 2 - spread, "rmse": (a + c) / 2}
    for scale in SCALES:
        length = np.sqrt(squares.get(scale, squares["min"]))
        np.testing.assert_allclose(
            w[f"AlignedMTL {scale}"], length * inverse.sum(axis=1) / 2, rtol=1e-5
        )


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
        # Lengths 1 and 1/3000: the second's eigenvalue is cut.
        *((f"AlignedMTL {s}", np.diag([1, 1e-7]), [0.5, 0]) for s in SCALES),
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


# At a right angle, against and with each other, the second far shorter: a task that has all but
# converged stops nobody, and moves the others within the ball.
@pytest.mark.parametrize("c", [0.4, 1.0, 2.0])
@pytest.mark.parametrize("product", [0, -9e-6, 9e-6])
def test_cagrad_of_a_task_that_has_nearly_converged(c, product):
    gramian = np.array([[1, product], [product, 1e-10]]).astype("float32").astype(float)
    found = weigh(with_radius(c), [gramian])[0]
    np.testing.assert_allclose(found, cagrad_of_two(gramian, c), rtol=1e-4)


@functools.cache
def with_radius(c):
    return functools.partial(plait.CAGrad, c)


@pytest.mark.parametrize("c", [1.0, 2.0])
@pytest.mark.parametrize("gramian", [np.zeros((2, 2)), np.diag([1, 0]), [[1, -1], [-1, 1]]])
def test_cagrad_is_the_mean_where_nothing_is_to_be_gained_though_0_is_in_the_ball(c, gramian):
    found = weigh(with_radius(c), [np.array(gramian)])[0]
    np.testing.assert_allclose(found, [0.5, 0.5])


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
