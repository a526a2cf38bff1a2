"""Methods that make the update out of the rows, against numbers worked out by hand."""

import keras
import numpy as np
import pytest

import plait
from plait._hash import name_key, uniform
from plait.balancing import Evidence
from plait.balancing.aggregation._graddrop import signs_kept

from .test_methods import context, numpy


def built(balancer, tasks=2, shapes=((2,),)):
    balancer.build(tuple("abcdefgh"[:tasks]))
    if balancer.level == "parameters":
        balancer.build_rows(shapes)
    return balancer


def update_of(balancer, *rows, losses=None, active=None, step=0, shared=None):
    """One step on tensors of rows; what each tensor moves along, and the heads' weights."""
    rows = [np.array(r, "float32") for r in rows]
    active = np.ones(len(rows[0]), bool) if active is None else np.array(active)
    shared = [np.zeros_like(r[0]) for r in rows] if shared is None else shared
    tensors = [keras.ops.convert_to_tensor(r) for r in rows]
    values = [keras.ops.convert_to_tensor(np.array(v, "float32")) for v in shared]
    losses = np.ones(len(active)) if losses is None else losses
    evidence = Evidence(
        keras.ops.convert_to_tensor(losses, "float32"), gradients=tensors, shared=values
    )
    update = balancer.update(evidence, context(active, step))
    found = [numpy(move) for move in update.along]
    for place, move in enumerate(found):
        parts = [numpy(part) for part in update.parts(place)]
        assert len(parts) == len(active)
        assert not np.any([part for part, there in zip(parts, active, strict=True) if not there])
        np.testing.assert_allclose(sum(parts), move, rtol=1e-5, atol=1e-6)
    return found, numpy(update.weights)


def shares_of(balancer, rows, losses=None):
    """Each task's share of one step's update."""
    rows = keras.ops.convert_to_tensor(np.array(rows, "float32"))
    losses = keras.ops.convert_to_tensor(
        np.ones(len(rows)) if losses is None else losses, "float32"
    )
    evidence = Evidence(losses, gradients=[rows], shared=[keras.ops.zeros_like(rows[0])])
    update = balancer.update(evidence, context(np.ones(len(rows), bool), 0))
    (along,) = (numpy(move) for move in update.along)
    pulled = np.array([np.sum(numpy(part) * along) for part in update.parts(0)])
    return pulled / np.sum(along**2)


def test_moco_by_hand():
    # y = g / 2 after the first step: Y = [[1, 0], [0, 2]], Y Y^T (1/2, 1/2) = (1/2, 2); with gamma 0.1
    # the shares (0.45, 0.3) are projected onto the simplex: (0.575, 0.425).
    balancer = built(plait.MoCo(beta=0.5, gamma=0.1))
    (update,), weights = update_of(balancer, [[2, 0], [0, 4]])
    np.testing.assert_allclose(weights, [0.575, 0.425], rtol=1e-6)
    np.testing.assert_allclose(update, [0.575, 0.85], rtol=1e-6)
    # Second step: beta 0.5 / sqrt(2), the first task has no labels and keeps its y.
    (update,), weights = update_of(balancer, [[9, 9], [0, 4]], active=[False, True], step=1)
    tracked = 2 + (0.5 / np.sqrt(2)) * (4 - 2)
    np.testing.assert_allclose(weights, [0, 1], rtol=1e-6)
    np.testing.assert_allclose(update, [0, tracked], rtol=1e-6)
    np.testing.assert_allclose(numpy(balancer.variables[1]), [[1, 0], [0, tracked]], rtol=1e-6)


def test_excess_mtl_by_hand():
    balancer = built(plait.ExcessMTL(eta=1.0))
    # E = sum g^2 / sqrt(g^2): (3, 4); each is its own first one, so the weights stay equal.
    (update,), weights = update_of(balancer, [[3, 0], [0, 4]])
    np.testing.assert_allclose(weights, [0.5, 0.5], rtol=1e-6)
    np.testing.assert_allclose(update, [1.5, 2], rtol=1e-6)
    # Then E = 3^2 / sqrt(18) over 3 and 8^2 / sqrt(16 + 64) over 4.
    _, weights = update_of(balancer, [[3, 0], [0, 8]])
    growth = np.exp([9 / np.sqrt(18) / 3, 64 / np.sqrt(80) / 4])
    np.testing.assert_allclose(weights, growth / growth.sum(), rtol=1e-5)


def test_db_mtl_by_hand():
    # log L has the gradients g / L = (1, 0) and (0, 2); with beta 1/2 their means are (1/2, 0), (0, 1),
    # and both are brought to the longer one's length, 1.
    balancer = built(plait.DBMTL(beta=0.5))
    (update,), weights = update_of(balancer, [[3, 0], [0, 1]], losses=[3.0, 0.5])
    np.testing.assert_allclose(update, [1, 1], rtol=1e-6)
    np.testing.assert_allclose(weights, [1 / 3, 2], rtol=1e-6)
    (update,), weights = update_of(
        balancer, [[3, 3], [0, 1]], losses=[3.0, 0.5], active=[True, False]
    )
    # (1/4, 0) + (1/2, 1/2), alone: its own length.
    np.testing.assert_allclose(update, [0.75, 0.5], rtol=1e-6)
    np.testing.assert_allclose(weights, [1 / 3, 0], rtol=1e-6)


def test_trimmed_mean_by_hand():
    balancer = built(plait.TrimmedMean(trim=1), tasks=4, shapes=((3,),))
    rows = [[1, 5, 0], [2, 5, 0], [9, 5, 1], [-7, 1, 0]]
    (update,), _ = update_of(balancer, rows)
    np.testing.assert_allclose(update, [1.5, 5, 0])
    # Three tasks: the middle one. Two: nothing can be left out.
    (update,), _ = update_of(balancer, rows, active=[True, True, False, True])
    np.testing.assert_allclose(update, [1, 5, 0])
    (update,), _ = update_of(balancer, rows, active=[True, False, True, False])
    np.testing.assert_allclose(update, [5, 5, 0.5])


def test_shares_of_moco_are_of_the_tracked_gradients():
    # Shares (0.575, 0.425) of y = (1, 0), (0, 2), see above.
    parts = np.array([0.575, 0.85]) ** 2
    found = shares_of(built(plait.MoCo(beta=0.5, gamma=0.1)), [[2, 0], [0, 4]])
    np.testing.assert_allclose(found, parts / parts.sum(), rtol=1e-5)


def test_shares_of_db_mtl_are_of_gradients_of_one_length():
    found = shares_of(built(plait.DBMTL(beta=0.5)), [[3, 0], [0, 1]], losses=[3.0, 0.5])
    np.testing.assert_allclose(found, [0.5, 0.5], rtol=1e-5)


def test_shares_of_excess_mtl_are_of_the_weighed_gradients():
    # Equal weights: d = (3, 4) / 2.
    found = shares_of(built(plait.ExcessMTL()), [[3, 0], [0, 4]])
    np.testing.assert_allclose(found, [9 / 25, 16 / 25], rtol=1e-5)


def test_shares_of_the_trimmed_mean_are_of_the_numbers_kept():
    balancer = built(plait.TrimmedMean(trim=1), tasks=4, shapes=((3,),))
    # Sums (1 + 2, 5 + 5, 0 + 0) / 2: of the three fives two are kept, a task's with 2/3.
    rows = [[1, 5, 0], [2, 5, 0], [9, 5, 1], [-7, 1, 0]]
    d = np.array([1.5, 5, 0])
    parts = np.array([[1, 10 / 3, 0], [2, 10 / 3, 0], [0, 10 / 3, 0], [0, 0, 0]]) / 2
    np.testing.assert_allclose(shares_of(balancer, rows), parts @ d / (d @ d), rtol=1e-5)


def test_shares_of_graddrop_are_of_what_it_did_not_drop():
    rows = np.array([[3, 3, 2, 0], [-1, -1, 1, 4]], "float32")
    balancer = built(plait.GradDrop(level="parameters", seed=2), shapes=((4,),))
    draws = numpy(uniform(2, 0, name_key("graddrop"), 0, np.arange(4, dtype="int32")))
    up = draws < [0.75, 0.75, 1, 1]
    parts = rows * np.where(up, rows > 0, rows < 0)
    d = parts.sum(axis=0)
    np.testing.assert_allclose(shares_of(balancer, rows), parts @ d / (d @ d), rtol=1e-5)
    assert not np.allclose(parts, rows)


@pytest.mark.parametrize("trim", [0, 1, 2, 7])
@pytest.mark.parametrize("active", [[True] * 7, [True, False, True, True, False, True, True]])
def test_trimmed_mean_is_that_of_the_sorted_numbers(trim, active):
    rows = np.random.default_rng(0).integers(-3, 4, size=(7, 50)).astype("float32")
    rows[2, ::3], rows[5, 1::3] = 1e30, -1e30
    rows[~np.array(active)] = 0
    balancer = built(plait.TrimmedMean(trim=trim), tasks=7, shapes=((50,),))
    (update,), _ = update_of(balancer, rows, active=active)
    there = np.sort(rows[active], axis=0)
    out = min(trim, (len(there) - 1) // 2)
    expected = there[out : len(there) - out].mean(axis=0)
    np.testing.assert_allclose(update, expected, rtol=1e-6)


def test_graddrop_keeps_the_sign_that_was_drawn():
    gradients = keras.ops.convert_to_tensor([[3.0, 3.0, 2.0, 0.0], [-1.0, -1.0, 1.0, 0.0]])
    # Purity (1 + 2/4) / 2 = 3/4 of the first two, 1 of the third.
    draws = keras.ops.convert_to_tensor([0.7, 0.8, 0.99, 0.5])
    kept = [numpy(one) for one in signs_kept(gradients, draws)]
    np.testing.assert_array_equal(kept, [[1, 0, 1, 0], [0, 1, 1, 0]])


def test_graddrop_at_both_levels():
    shared = np.array([[1.0, -1.0], [2.0, 1.0]], "float32")  # two rows of two places
    rows = np.array([[[1, 1], [1, 0]], [[-2, 1], [0, 2]]], "float32")
    # Under the sign of the representation and summed over the batch: (2, -1) and (-2, 1).
    balancer = built(plait.GradDrop(seed=4))
    (update,), weights = update_of(balancer, rows, shared=[shared], step=3)
    positive = numpy(uniform(4, 3, name_key("graddrop"), 0, np.arange(2, dtype="int32"))) < 0.5
    kept = np.array([positive, ~positive]) ^ np.array([[False, True], [False, True]])
    np.testing.assert_array_equal(update, (rows * kept[:, None]).sum(axis=0))
    np.testing.assert_array_equal(weights, [1, 1])
    at_parameters = built(plait.GradDrop(seed=4, level="parameters"), shapes=((2, 2),))
    (update,), _ = update_of(at_parameters, rows, shared=[shared], step=3)
    for place in np.ndindex(2, 2):
        column, found = rows[:, *place], update[*place]
        assert found in (column[column > 0].sum(), column[column < 0].sum())
        if len({np.sign(v) for v in column if v}) <= 1:
            assert found == column.sum()
    leaky = built(plait.GradDrop(leak=1.0))
    np.testing.assert_array_equal(update_of(leaky, rows, shared=[shared])[0][0], rows.sum(axis=0))


METHODS = {
    "GradDrop": lambda: plait.GradDrop(level="parameters"),
    "MoCo": plait.MoCo,
    "ExcessMTL": plait.ExcessMTL,
    "DBMTL": plait.DBMTL,
    "TrimmedMean": plait.TrimmedMean,
}


@pytest.mark.parametrize("make", METHODS.values(), ids=METHODS)
def test_inactive_tasks_are_not_there(make):
    """Three tasks of which one never has labels move as the two without it do, over several steps."""
    draw = np.random.default_rng(0)
    three = built(make(), tasks=3, shapes=((4,), (2, 3)))
    two = built(make(), tasks=2, shapes=((4,), (2, 3)))
    for step in range(3):
        rows = [draw.normal(size=(3, 4)), draw.normal(size=(3, 2, 3))]
        rows[0][2] = rows[1][2] = 0
        losses = draw.random(3) + 0.1
        found, weights = update_of(
            three, *rows, losses=losses, active=[True, True, False], step=step
        )
        alone, expected = update_of(two, *(r[:2] for r in rows), losses=losses[:2], step=step)
        np.testing.assert_allclose(weights, [*expected, 0], atol=1e-6)
        for ours, theirs in zip(found, alone, strict=True):
            np.testing.assert_allclose(ours, theirs, atol=1e-6)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: plait.GradDrop(leak=2), "leak is between 0 and 1"),
        (lambda: plait.GradDrop(level="heads"), "level is"),
        (lambda: plait.MoCo(beta=0), "beta is above 0"),
        (lambda: plait.MoCo(rho=-1), "rho is at least 0"),
        (lambda: plait.ExcessMTL(eta=0), "eta is above 0"),
        (lambda: plait.DBMTL(beta=1), "beta is at least 0 and below 1"),
        (lambda: plait.DBMTL(sigma=-1), "sigma is at least 0"),
        (lambda: plait.TrimmedMean(trim=-1), "trim is a whole number, 0 or more"),
        (lambda: plait.TrimmedMean(trim=1.5), "trim is a whole number, 0 or more"),
    ],
)
def test_arguments_out_of_range_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
