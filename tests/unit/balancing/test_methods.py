"""Each method against numbers worked out by hand or by the papers' own algorithm in NumPy."""

import keras
import numpy as np
import pytest

import plait
from plait.balancing import Evidence, StepContext
from plait.balancing._simplex import simplex_projection
from plait.balancing.weighting._pcgrad import surgery

ALL = np.array([True, True])


def numpy(x):
    return keras.ops.convert_to_numpy(x)


def context(active=ALL, step=0, tasks=None):
    tasks = tasks or tuple("abcdefgh"[: len(active)])
    return StepContext(
        tasks, keras.ops.convert_to_tensor(active), keras.ops.full((), step, "int32")
    )


def weigh(balancer, losses=(1.0, 1.0), gramian=None, active=ALL, step=0, tasks=None):
    where = context(active, step, tasks)
    if balancer.tasks is None:
        balancer.build(where.tasks)
    gramian = None if gramian is None else keras.ops.convert_to_tensor(gramian, "float32")
    evidence = Evidence(
        keras.ops.convert_to_tensor(losses, "float32"),
        gramian,
        cross_product=lambda weights: (gramian @ weights[:, None])[:, 0],
    )
    weights, gradients = balancer.weights(evidence, where)
    return numpy(weights), [numpy(g) for g in gradients]


def test_equal_is_the_sum():
    np.testing.assert_array_equal(weigh(plait.Equal(), [3.0, 0.5])[0], [1, 1])


def test_uncertainty_by_hand():
    balancer = plait.Uncertainty(initial_log_variance=float(np.log(2)))
    weights, (gradient,) = weigh(balancer, [3.0, 0.5])
    np.testing.assert_allclose(weights, [0.25, 0.25], rtol=1e-6)
    # d/ds (exp(-s) L + s) / 2 = (1 - L / 2) / 2 at s = log 2
    np.testing.assert_allclose(gradient, [-0.25, 0.375], rtol=1e-6)


def test_pcgrad_by_hand():
    # g1 = (1, 0), g2 = (-1, 1): g1' = (1/2, 1/2), g2' = (0, 1); the sum is (1/2, 3/2).
    weights, _ = weigh(plait.PCGrad(), gramian=[[1, -1], [-1, 2]])
    np.testing.assert_allclose(weights, [2.0, 1.5], rtol=1e-6)


def test_pcgrad_leaves_agreeing_and_zero_gradients_alone():
    np.testing.assert_array_equal(weigh(plait.PCGrad(), gramian=[[1, 0.5], [0.5, 2]])[0], [1, 1])
    np.testing.assert_array_equal(weigh(plait.PCGrad(), gramian=[[0, 0], [0, 2]])[0], [1, 1])


@pytest.mark.parametrize("size", [3, 5])
def test_pcgrad_is_algorithm_1_on_vectors(size):
    draw = np.random.default_rng(size)
    vectors = draw.normal(size=(size, 7))
    order = draw.permuted(np.tile(np.arange(size), (size, 1)), axis=1).astype("int32")
    expected = vectors.copy()
    for i in range(size):
        for j in order[i]:
            if j != i and (product := expected[i] @ vectors[j]) < 0:
                expected[i] -= product / (vectors[j] @ vectors[j]) * vectors[j]
    gramian = keras.ops.convert_to_tensor(vectors @ vectors.T, "float32")
    found = surgery(gramian, keras.ops.convert_to_tensor(order), keras.ops.ones((size,), "bool"))
    np.testing.assert_allclose(numpy(found) @ vectors, expected, atol=1e-5)


def test_pcgrad_order_changes_with_the_step_and_not_with_the_other_tasks():
    vectors = np.random.default_rng(3).normal(size=(4, 3))
    gramian = vectors @ vectors.T
    names = ("w", "x", "y", "z")
    four = [
        weigh(plait.PCGrad(), np.ones(4), gramian, np.array([1, 1, 1, 0], bool), s, names)[0]
        for s in range(8)
    ]
    three = [
        weigh(plait.PCGrad(), np.ones(3), gramian[:3, :3], np.ones(3, bool), s, names[:3])[0]
        for s in range(8)
    ]
    np.testing.assert_allclose(np.array(four)[:, :3], three, rtol=1e-5)
    assert len(np.unique(np.round(three, 4), axis=0)) > 1


def test_famo_is_the_authors_algorithm():
    draw = np.random.default_rng(0)
    balancer = plait.FAMO(learning_rate=0.1, decay=0.01, minimum_losses=(0.1, 0.0, 0.2))
    xi, mean, square, least = np.zeros(3), np.zeros(3), np.zeros(3), np.array([0.1, 0.0, 0.2])
    for step in range(1, 6):
        before, after = draw.uniform(0.5, 3, 3), draw.uniform(0.5, 3, 3)
        z = np.exp(xi) / np.exp(xi).sum()
        excess = before - least + 1e-8
        weights, _ = weigh(balancer, before, active=np.ones(3, bool), step=step)
        np.testing.assert_allclose(weights, z / excess / (z / excess).sum(), rtol=1e-5)
        balancer.after_step(
            keras.ops.convert_to_tensor(before, "float32"),
            keras.ops.convert_to_tensor(after, "float32"),
            context(np.ones(3, bool)),
        )
        delta = np.log(excess) - np.log(after - least + 1e-8)
        slope = (np.diag(z) - np.outer(z, z)) @ delta + 0.01 * xi
        mean, square = 0.9 * mean + 0.1 * slope, 0.999 * square + 0.001 * slope**2
        xi = xi - 0.1 * (mean / (1 - 0.9**step)) / (np.sqrt(square / (1 - 0.999**step)) + 1e-8)
    np.testing.assert_allclose(numpy(balancer.variables[0]), xi, rtol=2e-4)


def test_modo_by_hand():
    # shares (1/2, 1/2), G12 = [[2, 0], [0, 0]], rho 0: slope (1, 0), gamma 0.5 -> (0, 1/2),
    # projected onto the simplex: (1/4, 3/4).
    weights, _ = weigh(plait.MoDo(gamma=0.5, rho=0.0), gramian=[[2, 0], [0, 0]])
    np.testing.assert_allclose(weights, [0.25, 0.75], rtol=1e-6)


@pytest.mark.parametrize("seed", range(5))
def test_simplex_projection_is_the_nearest_point(seed):
    draw = np.random.default_rng(seed)
    point, active = draw.normal(size=6), draw.random(6) < 0.7
    active[0] = True
    found = numpy(
        simplex_projection(
            keras.ops.convert_to_tensor(point, "float32"), keras.ops.convert_to_tensor(active)
        )
    )
    assert (found >= 0).all()
    assert (found[~active] == 0).all()
    np.testing.assert_allclose(found.sum(), 1, atol=1e-6)
    # The optimality condition: no other point of the simplex has a smaller angle to the residual.
    inside = (point - found)[active]
    assert inside.max() - inside @ found[active] < 1e-5
