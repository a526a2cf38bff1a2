"""The methods that solve a program over the Gramian: closed forms, and programs solved by others."""

import keras
import numpy as np
import pytest
from scipy.optimize import nnls

import plait
from plait import backend
from plait.balancing import Evidence, StepContext
from plait.balancing._solvers import nonnegative_qp

SIZES = (2, 3, 8, 16)
METHODS = {
    "MGDA": plait.MGDA,
    "UPGrad": plait.UPGrad,
    "DualProj": plait.DualProj,
    "IMTLG": plait.IMTLG,
    "ConFIG": plait.ConFIG,
    "AlignedMTL": plait.AlignedMTL,
    "NashMTL": plait.NashMTL,
    "FairGrad": lambda: plait.FairGrad(alpha=2.0),
    "CAGrad": plait.CAGrad,
}
every_method = pytest.mark.parametrize("make", METHODS.values(), ids=METHODS)


_COMPILED = {}


def compiled(balancer, count):
    """The balancer's weights as a compiled step has them; compiled once for all tests."""
    key = (type(balancer), tuple(balancer.get_config().items()), count)
    if key not in _COMPILED:
        names = tuple("abcdefghijklmnopqrstuvwxyz"[:count])
        balancer.build(names)

        def weights(gramian, active):
            context = StepContext(names, active, keras.ops.zeros((), "int32"))
            return balancer.weights(Evidence(keras.ops.ones((count,)), gramian), context)[0]

        _COMPILED[key] = weights
        if keras.backend.backend() == "jax":
            import jax

            _COMPILED[key] = jax.jit(weights)
    return _COMPILED[key]


def weigh(balancer, gramian, active=None):
    active = np.ones(len(gramian), bool) if active is None else active
    given = keras.ops.convert_to_tensor(gramian.astype("float32"))
    weights = compiled(balancer, len(gramian))(given, keras.ops.convert_to_tensor(active))
    return keras.ops.convert_to_numpy(weights).astype(float)


def gradients(kind, count, seed):
    draw = np.random.default_rng([seed, count])
    rows = draw.normal(size=(count, 3 * count))
    if kind == "nearly parallel":
        rows = draw.normal(size=(1, 3 * count)) + 0.01 * rows
    if kind == "of unlike lengths":
        rows = rows * 10.0 ** draw.uniform(-1.5, 1.5, size=(count, 1))
    if kind == "in conflict":
        rows = rows - 0.9 * rows.mean(axis=0)
    if kind == "repeated":
        rows[1::2] = rows[0::2][: len(rows[1::2])] * draw.uniform(0.5, 2, (len(rows[1::2]), 1))
    return rows


KINDS = ("at random", "nearly parallel", "of unlike lengths", "in conflict", "repeated")
CASES = [(kind, count, seed) for kind in KINDS for count in SIZES for seed in range(1)]


@pytest.fixture(scope="module", params=CASES, ids=lambda c: f"{c[0]}, {c[1]} tasks, {c[2]}")
def rows(request):
    return gradients(*request.param)


def close(found, expected, rows, tolerance=1e-4):
    """The directions are the same, relative to the expected one's length."""
    error = np.linalg.norm((found - expected) @ rows)
    assert error <= tolerance * np.linalg.norm(expected @ rows)


def on_cone(rows, target):
    """The projection onto the dual cone by Lawson and Hanson's method, in float64."""
    gramian = (rows @ rows.T).astype("float32").astype(float)
    normal = gramian / np.trace(gramian) + 1e-7 * np.eye(len(rows))
    factor = np.linalg.cholesky(normal).T
    return target + nnls(factor, -factor @ target, maxiter=10_000)[0]


TWO = [np.array([[1.0, -0.6], [-0.6, 4.0]]), np.array([[2.0, 0.5], [0.5, 0.3]]), np.diag([9.0, 1])]


@pytest.mark.backends
@pytest.mark.parametrize("gramian", TWO)
def test_closed_forms_of_two_tasks(gramian):
    (a, b), (_, c) = gramian
    share = np.clip((c - b) / (a + c - 2 * b), 0, 1)
    np.testing.assert_allclose(weigh(plait.MGDA(), gramian), [share, 1 - share], atol=1e-6)
    first = 1 / np.sqrt(a + b * np.sqrt(a / c))
    nash = [first, first * np.sqrt(a / c)]
    np.testing.assert_allclose(weigh(plait.NashMTL(), gramian), nash, rtol=1e-6)
    np.testing.assert_allclose(weigh(plait.FairGrad(alpha=1.0), gramian), nash, rtol=1e-6)
    half = weigh(plait.PCGrad(), gramian) / 2
    np.testing.assert_allclose(weigh(plait.UPGrad(reg_eps=1e-12), gramian), half, rtol=1e-6)
    # d . u_1 = d . u_2, and the weights sum to 1.
    w = weigh(plait.IMTLG(), gramian)
    along = gramian @ w / np.sqrt(np.diag(gramian))
    np.testing.assert_allclose([w.sum(), along[0]], [1, along[1]], rtol=1e-5)


@pytest.mark.parametrize("gramian", TWO)
def test_cagrad_of_two_tasks_is_the_best_of_a_fine_grid(gramian):
    share = np.linspace(0, 1, 200_001)
    w = np.stack([share, 1 - share])
    radius = 0.4 * np.sqrt(gramian.mean())
    length = np.sqrt(np.sum(w * (gramian @ w), axis=0))
    best = np.argmin(gramian.mean(axis=0) @ w + radius * length)
    expected = 0.5 + radius / length[best] * w[:, best]
    np.testing.assert_allclose(weigh(plait.CAGrad(c=0.4), gramian), expected, atol=2e-5)


def test_mgda_has_no_shorter_combination(rows):
    weights = weigh(plait.MGDA(), rows @ rows.T)
    assert (weights >= 0).all()
    np.testing.assert_allclose(weights.sum(), 1, rtol=1e-6)
    direction = weights @ rows
    # The optimality condition: no gradient has less of the direction than the direction itself, but
    # for the rounding of the Gramian in float32.
    gap = direction @ direction - (rows @ direction).min()
    longest = np.sqrt((rows**2).sum(axis=1).max())
    assert gap <= 1e-6 * (direction @ direction + longest * np.linalg.norm(direction))


def test_upgrad_is_the_mean_of_projections(rows):
    expected = sum(on_cone(rows, target) for target in np.eye(len(rows)) / len(rows))
    close(weigh(plait.UPGrad(), rows @ rows.T), expected, rows)


def test_dualproj_is_the_projection_of_the_mean(rows):
    expected = on_cone(rows, np.full(len(rows), 1 / len(rows)))
    close(weigh(plait.DualProj(), rows @ rows.T), expected, rows)


def test_cagrads_worst_task_gains_as_much_as_any_direction_gives_it(rows):
    """Weak duality: the direction reaches the bound that its own shares prove."""
    weights = weigh(plait.CAGrad(c=0.5), rows @ rows.T)
    mean = rows.mean(axis=0)
    radius = 0.5 * np.linalg.norm(mean)
    direction = weights @ rows
    np.testing.assert_allclose(np.linalg.norm(direction - mean), radius, rtol=1e-4)
    shares = np.maximum(weights - 1 / len(rows), 0)
    shares = shares / shares.sum()
    bound = shares @ rows @ mean + radius * np.linalg.norm(shares @ rows)
    scale = radius * np.linalg.norm(rows, axis=1).max()
    assert bound - (rows @ direction).min() <= 1e-4 * scale


@pytest.mark.parametrize("alpha", [0.5, 1.0, 2.0])
def test_fairgrad_solves_its_equation(rows, alpha):
    weights = weigh(plait.FairGrad(alpha=alpha), rows @ rows.T)
    assert (weights > 0).all()
    np.testing.assert_allclose(rows @ (weights @ rows), weights ** (-1 / alpha), rtol=2e-3)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "repeated"])
@pytest.mark.parametrize("count", SIZES)
def test_imtlg_and_config_favour_no_task(kind, count):
    """Of linearly independent gradients: others have no direction at one angle to all."""
    rows = gradients(kind, count, 0)
    units = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    impartial = weigh(plait.IMTLG(), rows @ rows.T)
    np.testing.assert_allclose(impartial.sum(), 1, rtol=1e-4)
    along = units @ (impartial @ rows)
    np.testing.assert_allclose(along, along.mean(), rtol=2e-3)
    free = weigh(plait.ConFIG(), rows @ rows.T) @ rows
    np.testing.assert_allclose(units @ free, (units @ free).mean(), rtol=2e-3)
    length = np.linalg.norm(free)
    np.testing.assert_allclose(length, (rows @ free).sum() / length, rtol=1e-4)


@pytest.mark.parametrize("scale", ["min", "median", "rmse"])
def test_alignedmtl_is_the_orthogonal_factor(scale):
    rows = gradients("at random", 5, 3)
    left, values, right = np.linalg.svd(rows, full_matrices=False)
    length = {
        "min": values.min(),
        "median": np.median(values),
        "rmse": np.sqrt((values**2).mean()),
    }[scale]
    expected = length * np.full(5, 1 / 5) @ (left @ right)
    found = weigh(plait.AlignedMTL(scale=scale), rows @ rows.T) @ rows
    np.testing.assert_allclose(found, expected, atol=1e-4 * length)


@pytest.mark.backends
@every_method
def test_inactive_tasks_are_not_there(make):
    rows = gradients("in conflict", 5, 1)
    active = np.array([True, False, True, True, False])
    found = weigh(make(), rows @ rows.T, active)
    np.testing.assert_array_equal(found[~active], 0)
    alone = weigh(make(), rows[active] @ rows[active].T)
    np.testing.assert_allclose(found[active], alone, rtol=1e-4, atol=1e-6)


@every_method
@pytest.mark.parametrize("gramian", [np.zeros((3, 3)), np.diag([0.0, 1.0, 4.0]), np.ones((3, 3))])
def test_gradients_of_zero_and_repeated_ones_give_finite_weights(make, gramian):
    assert np.isfinite(weigh(make(), gramian)).all()


@every_method
def test_the_order_of_the_tasks_does_not_matter(make):
    rows = gradients("in conflict", 4, 5)
    order = np.array([2, 0, 3, 1])
    found = weigh(make(), rows[order] @ rows[order].T)
    np.testing.assert_allclose(found, weigh(make(), rows @ rows.T)[order], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("make", [plait.UPGrad, plait.DualProj, plait.MGDA, plait.NashMTL])
def test_no_task_is_harmed(make, rows):
    direction = weigh(make(), rows @ rows.T) @ rows
    size = np.linalg.norm(rows, axis=1) * np.linalg.norm(direction)
    assert (rows @ direction >= -2e-2 * size).all()


def test_pivoting_and_the_way_from_inside_agree_where_pivoting_cycles():
    draw = np.random.default_rng(0)
    rows = draw.normal(size=(6, 12, 6))
    matrix = rows @ rows.transpose(0, 2, 1) + 1e-6 * np.eye(12)
    target = draw.normal(size=(6, 12))
    found = backend.in_float64(
        nonnegative_qp,
        keras.ops.convert_to_tensor(matrix.astype("float32")),
        keras.ops.convert_to_tensor(target.astype("float32")),
    )
    for x, m, t in zip(keras.ops.convert_to_numpy(found), matrix, target, strict=True):
        slope = m @ x - t
        assert (x >= -1e-5).all()
        assert (slope >= -1e-2).all()
        assert abs(x @ slope) < 1e-2
