"""The methods whose weights depend on the steps before: by hand, and what holds for all of them."""

import numpy as np
import pytest
from tests.unit.balancing.with_memory import gramians_of, rows_of, take_steps

import plait

pytestmark = pytest.mark.backends
METHODS = {
    "GradVac": lambda: plait.GradVac(beta=0.5),
}
every_method = pytest.mark.parametrize("make", METHODS.values(), ids=METHODS)
LOSSES = np.random.default_rng(7).uniform(0.5, 2.0, (4, 5))


@every_method
def test_inactive_tasks_are_not_there(make):
    gramians = gramians_of(4, 5)
    active = np.array([True, False, True, True, False])
    found = take_steps(make(), gramians, LOSSES, np.tile(active, (4, 1)))
    np.testing.assert_array_equal(found[:, ~active], 0)
    inside = gramians[:, active][:, :, active]
    alone = take_steps(make(), inside, LOSSES[:, active], names=("a", "c", "d"))
    np.testing.assert_allclose(found[:, active], alone, rtol=1e-4, atol=1e-6)


@every_method
def test_a_task_may_come_and_go(make):
    active = np.random.default_rng(1).random((4, 5)) < 0.6
    active[1] = False
    found = take_steps(make(), gramians_of(4, 5), LOSSES, active)
    assert np.isfinite(found).all()
    np.testing.assert_array_equal(found[~active], 0)


@every_method
def test_the_order_of_the_tasks_does_not_matter(make):
    order = np.array([2, 0, 4, 1, 3])
    gramians = gramians_of(4, 5)
    found = take_steps(
        make(), gramians[:, order][:, :, order], LOSSES[:, order], names=("c", "a", "e", "b", "d")
    )
    expected = take_steps(make(), gramians, LOSSES)[:, order]
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)


@every_method
@pytest.mark.parametrize("gramian", [np.zeros((3, 3)), np.diag([0.0, 1.0, 4.0]), np.ones((3, 3))])
def test_gradients_of_zero_and_repeated_ones_give_finite_weights(make, gramian):
    assert np.isfinite(take_steps(make(), np.tile(gramian, (3, 1, 1)))).all()


@pytest.mark.parametrize("name", ["GradVac"])
def test_one_scale_of_all_gradients_does_not_matter(name):
    gramians = gramians_of(3, 4)
    found = take_steps(METHODS[name](), 1e4 * gramians)
    np.testing.assert_allclose(found, take_steps(METHODS[name](), gramians), rtol=1e-4, atol=1e-6)


def test_gradvac_by_hand():
    # The cosine 0.8 makes phi 0.75 * 0.8 = 0.6, of which the angle's tangent is 4/3: orthogonal
    # gradients of lengths 1 and 2 become g_1 + 3/8 g_2 and g_2 + 3/2 g_1.
    gramians = [[[1, 0.8], [0.8, 1]], [[1, 0], [0, 4]]]
    found = take_steps(plait.GradVac(beta=0.75), gramians)
    np.testing.assert_allclose(found, [[1, 1], [2.5, 1.375]], rtol=1e-6)


def test_gradvac_that_learns_nothing_is_pcgrad():
    gramians = gramians_of(3, 4)
    expected = take_steps(plait.PCGrad(seed=5), gramians)
    found = take_steps(plait.GradVac(beta=0.0, seed=5), gramians)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_gradvac_brings_the_last_pair_to_its_usual_cosine():
    """Algorithm 1 on vectors; with two tasks there is but one order."""
    rows = rows_of(12, 2, agree=1.0)
    found = take_steps(plait.GradVac(beta=0.3), rows @ rows.transpose(0, 2, 1))
    phi, turned = np.zeros(2), 0
    for weights, gradients in zip(found, rows, strict=True):
        mended = gradients.copy()
        lengths = np.linalg.norm(gradients, axis=1)
        cosine = gradients[0] @ gradients[1] / lengths.prod()
        for i, j in ((0, 1), (1, 0)):
            if cosine < phi[i]:
                sine, usual = np.sqrt(1 - cosine**2), np.sqrt(1 - phi[i] ** 2)
                share = lengths[i] * (phi[i] * sine - cosine * usual) / (lengths[j] * usual)
                mended[i] += share * gradients[j]
                turned += 1
                np.testing.assert_allclose(
                    mended[i] @ gradients[j] / np.linalg.norm(mended[i]) / lengths[j], phi[i]
                )
            phi[i] += 0.3 * (cosine - phi[i])
        np.testing.assert_allclose(weights @ gradients, mended.sum(axis=0), rtol=1e-4, atol=1e-5)
    assert 4 < turned < 20


@pytest.mark.parametrize(
    ("make", "message"), [(lambda: plait.GradVac(beta=1.5), "beta is from 0 to 1")]
)
def test_says_what_is_wrong(make, message):
    with pytest.raises(ValueError, match=message):
        make()
