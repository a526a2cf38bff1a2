"""The methods whose weights depend on the steps before: by hand, and what holds for all of them."""

import numpy as np
import pytest

import plait
from tests.unit.balancing.with_memory import gramians_of, rows_of, take_steps

METHODS = {
    "GradVac": lambda: plait.GradVac(beta=0.5),
    "PCD": lambda: plait.PCD(primary="a", tau=0.4, beta=0.9, eps=0.0),
    "GradNorm": lambda: plait.GradNorm(learning_rate=0.1),
    "SDMGrad": lambda: plait.SDMGrad(learning_rate=0.2),
    "CRMOGM": lambda: plait.CRMOGM(plait.UPGrad(), alpha=0.5),
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


@pytest.mark.parametrize("name", METHODS)
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


def test_pcd_by_hand():
    # g_1 = (2, 0) and g_2 = (0, 3) at length 1: d = (1, 3/4), which is 5/4 long and made 2.
    gramians = [[[4, 0], [0, 9]]]
    found = take_steps(plait.PCD(primary="a", tau=0.75, beta=0.0, eps=0.0), gramians)
    np.testing.assert_allclose(found, [[0.8, 0.4]], rtol=1e-6)
    # As primary, g_2 stands the other way round.
    found = take_steps(plait.PCD(primary="b", tau=0.75, beta=0.0, eps=0.0), gramians)
    np.testing.assert_allclose(found, [[0.9, 0.8]], rtol=1e-6)


def test_pcd_normalises_by_the_mean_of_all_steps_alike():
    # After squared lengths 1 and then 4 of g_1, and 9 of g_2, the means with beta = 1/2 are
    # (1/4 + 2) / (3/4) = 3 and 9: d = (2 / sqrt 3, 3/4), made 2 long.
    gramians = [[[1, 0], [0, 9]], [[4, 0], [0, 9]]]
    found = take_steps(plait.PCD(primary="a", tau=0.75, beta=0.5, eps=0.0), gramians)[1]
    stretch = 2 / np.hypot(2 / np.sqrt(3), 0.75)
    np.testing.assert_allclose(found, [stretch / np.sqrt(3), stretch * 0.25], rtol=1e-6)


def test_pcd_follows_the_primary_alone_where_the_others_contradict_each_other():
    rows = np.array([[1.0, 0, 0], [0, 1, 0], [0, -2, 0], [0, 0, 1]])
    found = take_steps(plait.PCD(primary="a", beta=0.0), [rows @ rows.T])
    np.testing.assert_allclose(found, [[1, 0, 0, 0]], rtol=1e-6)


def test_pcd_without_its_primary_task_moves_nothing():
    active = np.array([[False, True, True]])
    found = take_steps(plait.PCD(primary="a"), gramians_of(1, 3), active=active)
    np.testing.assert_array_equal(found, [[0, 0, 0]])


def test_gradnorm_by_hand():
    # Lengths 1 and 3, both of which should be 2: Adam's first step is its learning rate, +-.
    found = take_steps(plait.GradNorm(learning_rate=0.1), np.tile(np.diag([1.0, 9.0]), (2, 1, 1)))
    np.testing.assert_allclose(found, [[1, 1], [1.1, 0.9]], rtol=1e-5)
    # The first loss fell to a half and the other stayed: r = (2/3, 4/3), so that of equally long
    # gradients the second should be twice as long as the first.
    losses = [[4.0, 1.0], [2.0, 1.0], [2.0, 1.0]]
    gramians = np.tile(np.eye(2), (3, 1, 1))
    found = take_steps(plait.GradNorm(alpha=1.0, learning_rate=0.1), gramians, losses)
    np.testing.assert_array_equal(found[1], [1, 1])
    assert found[2][0] < 1 < found[2][1]
    np.testing.assert_allclose(found[2].sum(), 2, rtol=1e-6)


def test_gradnorm_is_algorithm_1():
    draw = np.random.default_rng(2)
    losses, lengths = draw.uniform(0.5, 3, (6, 3)), draw.uniform(0.5, 3, (6, 3))
    gramians = lengths[:, :, None] ** 2 * np.eye(3)
    found = take_steps(plait.GradNorm(alpha=1.5, learning_rate=0.2), gramians, losses)
    w, mean, square = np.ones(3), np.zeros(3), np.zeros(3)
    for step, (loss, length) in enumerate(zip(losses, lengths, strict=True), start=1):
        np.testing.assert_allclose(found[step - 1], w, rtol=1e-4)
        left = loss / losses[0]
        target = (w * length).mean() * (left / left.mean()) ** 1.5
        slope = np.sign(w * length - target) * length
        mean, square = 0.9 * mean + 0.1 * slope, 0.999 * square + 0.001 * slope**2
        w = w - 0.2 * (mean / (1 - 0.9**step)) / np.sqrt(square / (1 - 0.999**step))
        w = 3 * w / w.sum()


def test_gradnorm_makes_all_gradients_of_one_length():
    gramians = np.tile(np.diag([4.0, 1.0, 0.25]), (400, 1, 1))
    found = take_steps(plait.GradNorm(alpha=0.0, learning_rate=0.005), gramians)
    # Of the sum 3; near there each step overshoots by about the learning rate.
    np.testing.assert_allclose(found[-1], [3 / 7, 6 / 7, 12 / 7], atol=0.015)


def test_gradnorm_stays_positive():
    gramians = np.tile(np.diag([100.0, 1.0, 0.01]), (400, 1, 1))
    assert (take_steps(plait.GradNorm(alpha=0.0), gramians) > 0).all()


def test_gradnorm_measures_a_late_task_from_its_own_first_loss():
    active = np.array([[True, True, False], [True, True, True], [True, True, True]])
    losses = [[1.0, 1.0, 9.0], [0.5, 0.5, 8.0], [0.5, 0.5, 4.0]]
    found = take_steps(plait.GradNorm(), np.tile(np.eye(3), (3, 1, 1)), losses, active)
    np.testing.assert_allclose(found[:2], [[1, 1, 0], [1, 1, 1]])
    # In the second step its loss is all that it was at first, so that it is the slowest.
    assert found[2][2] > 1 > found[2][0]


def test_sdmgrad_by_hand():
    # The roots of the diagonal have the mean 2: A = [[1, 1], [-1, 1]]. With w = w_0 = (1/2, 1/2) and
    # lambda = 1 the slope is (2, 0); (1/2 - 1/4, 1/2) projected onto the simplex is (3/8, 5/8).
    found = take_steps(
        plait.SDMGrad(lambda_=1.0, learning_rate=0.125, iterations=1), [[[4, 4], [-4, 4]]]
    )
    np.testing.assert_allclose(found, [[7 / 16, 9 / 16]], rtol=1e-6)


def test_sdmgrad_nears_the_shortest_combination():
    gramians = np.tile([[1.0, 0.2], [0.2, 4.0]], (60, 1, 1))
    found = take_steps(plait.SDMGrad(lambda_=0.0, learning_rate=0.1), gramians)[-1]
    np.testing.assert_allclose(found, take_steps(plait.MGDA(), gramians[:1])[0], atol=1e-5)


def test_crmogm_by_hand():
    # MGDA gives (1/2, 1/2), then (3/4, 1/4).
    found = take_steps(plait.CRMOGM(plait.MGDA(), alpha=0.6), [np.eye(2), np.diag([1.0, 3.0])])
    np.testing.assert_allclose(found, [[0.5, 0.5], [0.6, 0.4]], rtol=1e-5)


def test_crmogm_keeps_the_weight_of_a_task_without_labels():
    active = np.array([[True, True, False], [True, False, False], [True, True, True]])
    gramians = [np.diag([1.0, 3.0, 1.0])] * 3
    found = take_steps(plait.CRMOGM(plait.MGDA(), alpha=0.5), gramians, active=active)
    # Of all three MGDA makes (3, 1, 3) / 7, which is also where the third one starts.
    expected = [[3 / 4, 1 / 4, 0], [7 / 8, 0, 0], [(7 / 8 + 3 / 7) / 2, (1 / 4 + 1 / 7) / 2, 3 / 7]]
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_a_wrapper_is_as_what_it_is_around():
    inner = plait.PCGrad(level="parameters", weight_heads=True, refresh_every=3, gram_batch=8)
    outer = plait.CRMOGM(inner)
    assert (outer.needs, outer.level, outer.weight_heads) == (inner.needs, "parameters", True)
    assert (outer.refresh_every, outer.gram_batch) == (3, 8)
    assert outer.signature == "CRMOGM_PCGrad"
    learns = plait.CRMOGM(plait.Uncertainty())
    learns.build(("a", "b"))
    assert learns.trainable_variables == learns.weighting.trainable_variables
    assert [v.name for v in learns.variables] == [
        "log_variances",
        "kept_weights",
        "kept_tasks",
    ]


def test_one_balancer_is_within_one_other_only():
    inner = plait.MGDA()
    plait.CRMOGM(inner).build(("a", "b"))
    with pytest.raises(ValueError, match=r"this MGDA already balances \['a', 'b'\]"):
        plait.CRMOGM(inner).build(("c", "d"))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: plait.GradVac(beta=1.5), "beta is from 0 to 1"),
        (lambda: plait.PCD(primary="a", tau=2), "tau is from 0 to 1"),
        (lambda: plait.PCD(primary="a", beta=1), "beta is at least 0 and less than 1"),
        (lambda: plait.GradNorm(alpha=-1), "alpha is at least 0"),
        (lambda: plait.CRMOGM(plait.MGDA(), alpha=2), "alpha is from 0 to 1"),
        (lambda: plait.CRMOGM(plait.MGDA), r"CRMOGM: weighting: expected .* Write MGDA\(\)"),
        (lambda: plait.PSMGD(refresh_every=0), "refresh_every is a whole number, 1 or more"),
        (lambda: plait.GradNorm(learning_rate=0), "learning_rate is above 0"),
        (lambda: plait.MoDo(gamma=-1), "gamma is at least 0"),
        (lambda: plait.MoDo(rho=float("nan")), "rho is at least 0"),
        (lambda: plait.SDMGrad(iterations=2.5), "iterations is a whole number"),
        (lambda: plait.PSMGD(plait.FAMO()), "FAMO looks at none"),
        (lambda: plait.SDMGrad(lambda_=-1), "lambda_ is at least 0"),
        (lambda: plait.SDMGrad(momentum=1), "momentum is at least 0"),
        (lambda: plait.CRMOGM(plait.MoCo()), "MoCo does not"),
        (
            lambda: plait.PCD(primary="prize").build(("price", "kind")),
            "primary names 'prize', which no task is called. Did you mean 'price'",
        ),
    ],
)
def test_says_what_is_wrong(make, message):
    with pytest.raises(ValueError, match=message):
        make()
