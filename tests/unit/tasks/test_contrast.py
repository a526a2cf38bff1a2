"""The losses of pairs, worked out by hand; and what other rows may not change."""

import math

import keras
import numpy as np
import pytest

from plait.backend import mask_of
from plait.heads import PairHead, Pairs
from plait.tasks._contrast import infonce, sigmoid_pairs
from plait.tasks._match_loss import MatchLoss

NEAR = [[2.0, 0.0, 9.0], [1.0, 3.0, 9.0], [9.0, 9.0, 9.0]]
COUNTS = [True, True, False]


def tensor(values, dtype="float32"):
    return keras.ops.convert_to_tensor(np.array(values, dtype))


def numpy(value):
    return keras.ops.convert_to_numpy(value)


def softplus(x):
    return math.log(1 + math.exp(x))


def test_infonce_by_hand():
    losses = numpy(infonce(tensor(NEAR), tensor(COUNTS, "bool")))
    first = (softplus(0 - 2) + softplus(1 - 2)) / 2 / math.log(2)
    second = (softplus(1 - 3) + softplus(0 - 3)) / 2 / math.log(2)
    np.testing.assert_allclose(losses[:2], [first, second], rtol=1e-5)


def test_sigmoid_pairs_by_hand():
    losses = numpy(sigmoid_pairs(tensor(NEAR), tensor(COUNTS, "bool")))
    wrong = (softplus(0) + softplus(1)) / 2
    chance = 2 * math.log(2)
    expected = [(softplus(-2) + wrong) / chance, (softplus(-3) + wrong) / chance]
    np.testing.assert_allclose(losses[:2], expected, rtol=1e-5)


@pytest.mark.parametrize("rows", [2, 5, 64])
def test_what_says_nothing_costs_1(rows):
    everywhere = tensor(np.ones(rows), "bool")
    same = tensor(np.full((rows, rows), 3.0))
    np.testing.assert_allclose(numpy(infonce(same, everywhere)), 1, rtol=1e-5)
    # Each pair by its chance of one in so many.
    chance = tensor(np.full((rows, rows), -math.log(max(rows - 1, 1e-9))))
    np.testing.assert_allclose(numpy(sigmoid_pairs(chance, everywhere)), 1, rtol=1e-5)


@pytest.mark.parametrize("rule", [infonce, sigmoid_pairs])
def test_rows_that_are_the_same_are_no_wrong_answers(rule):
    apart = tensor([[False, False, True], [False, False, True], [True, True, False]], "bool")
    near = tensor([[1.0, 50.0, 0.0], [50.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
    losses = numpy(rule(near, tensor([True] * 3, "bool"), apart))
    assert losses.max() < 1
    assert numpy(rule(near, tensor([True] * 3, "bool"))).max() > 10


@pytest.mark.parametrize("rule", [infonce, sigmoid_pairs])
def test_one_row_alone_has_no_wrong_answer(rule):
    (loss,) = numpy(rule(tensor([[4.0]]), tensor([True], "bool")))
    assert 0 <= loss < 0.1
    assert np.isfinite(numpy(rule(tensor([[4.0]]), tensor([False], "bool")))).all()


def sides(rows=6, seed=0):
    draw = np.random.default_rng(seed)
    mask = np.ones((rows, 2), bool)
    return [
        {
            "tokens": draw.normal(size=(rows, 2, 4)).astype("float32"),
            "mask": mask,
            "present": np.arange(rows) != absent,
        }
        for absent in (1, 3)
    ]


@pytest.mark.parametrize("kind", ["infonce", "siglip"])
def test_padded_and_absent_rows_are_nobody_s_wrong_answer(kind):
    loss = MatchLoss(kind)
    logits = numpy(PairHead(3, 0.1, bias=-1.0)(of=sides()))
    held = np.arange(12, dtype="int32").reshape(6, 2)
    padded = np.concatenate([logits, np.zeros((3, *logits.shape[1:]), "float32")])
    given = loss.call(tensor(np.pad(held, [(0, 3), (0, 0)]), "int32"), tensor(padded))
    kept = [0, 2, 4, 5]
    assert numpy(mask_of(given)).tolist() == [n in kept for n in range(9)]
    alone = loss.call(tensor(held[kept], "int32"), tensor(logits[kept]))
    np.testing.assert_allclose(numpy(given)[kept], numpy(alone), rtol=1e-5)
    assert (np.delete(numpy(given), kept) == 0).all()


def test_a_vector_is_of_its_own_side_alone():
    head, one = PairHead(5), sides()
    other = [one[0], {**one[1], "tokens": 7 - one[1]["tokens"], "present": np.zeros(6, bool)}]
    seen, also = (Pairs.of(numpy(head(of=both))) for both in (one, other))
    np.testing.assert_array_equal(seen.a, also.a)
    assert np.abs(seen.b - also.b).max() > 0.1
    np.testing.assert_allclose(np.linalg.norm(seen.a, axis=1), 1, rtol=1e-5)
    assert seen.there.tolist() == [True, False, True, False, True, True]
    np.testing.assert_allclose(seen.scale, 1 / 0.07, rtol=1e-5)
    assert (seen.bias == 0).all()


def test_the_scale_is_brought_back_to_100():
    side = {
        "tokens": keras.Input((1, 4), name="tokens"),
        "mask": keras.Input((1,), dtype="bool", name="mask"),
        "present": keras.Input((), dtype="bool", name="present"),
    }
    head = PairHead(3)
    model = keras.Model(side, head(of=[side, side]))
    # Every number shall grow, and the scale with it.
    model.compile(keras.optimizers.SGD(10.0), loss=lambda _, said: -keras.ops.mean(said, (1, 2)))
    x = {"tokens": np.ones((4, 1, 4)), "mask": np.ones((4, 1), bool), "present": np.ones(4, bool)}
    model.fit(x, np.zeros((4, 2, 5)), epochs=2, verbose=0)
    assert float(numpy(keras.ops.exp(head.log_scale))) == pytest.approx(100, rel=1e-4)
