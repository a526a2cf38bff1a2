"""The linear chain, against all paths one by one."""

from itertools import pairwise, product

import numpy as np
import pytest
from keras import ops

from plait.tasks._chain import Chain, log_partition, path_score, unpacked, viterbi

pytestmark = pytest.mark.backends
TAGS, PLACES = 3, 4
MASKS = np.array([[1, 1, 1, 1], [1, 1, 0, 0], [0, 1, 0, 1], [0, 0, 1, 0], [0, 0, 0, 0]], dtype=bool)


@pytest.fixture
def drawn():
    """Emissions and a chain of its own for each row."""
    rng = np.random.default_rng(0)
    size = len(MASKS)
    emissions = rng.normal(size=(size, PLACES, TAGS)).astype("float32") * 2
    links = [
        rng.normal(size=(size, *s)).astype("float32") for s in ((TAGS, TAGS), (TAGS,), (TAGS,))
    ]
    return emissions, Chain(*links)


def by_hand(emissions, chain, row, path):
    """The score of tags at the places that count."""
    places = np.flatnonzero(MASKS[row])
    total = chain.start[row, path[0]] + chain.end[row, path[-1]]
    total += sum(emissions[row, place, tag] for place, tag in zip(places, path, strict=True))
    return total + sum(chain.transitions[row, a, b] for a, b in pairwise(path))


def every_path(emissions, chain, row):
    paths = list(product(range(TAGS), repeat=int(MASKS[row].sum())))
    return paths, np.array([by_hand(emissions, chain, row, path) for path in paths])


def tensors(emissions, chain):
    return ops.convert_to_tensor(emissions), Chain(*map(ops.convert_to_tensor, chain))


def test_the_partition_is_the_sum_over_all_paths(drawn):
    found = ops.convert_to_numpy(log_partition(*tensors(*drawn), ops.convert_to_tensor(MASKS)))
    for row in range(4):
        _, scores = every_path(*drawn, row)
        assert found[row] == pytest.approx(np.log(np.exp(scores).sum()), rel=1e-5)
    assert found[4] == 0


def test_two_places_worked_out_by_hand():
    """Two tags, no logits; from 0 to 1 a weight of log 3, every other weight 0: 3 + 1 + 1 + 1."""
    zeros = np.zeros((1, 2, 2), "float32")
    links = np.array([[[0, np.log(3)], [0, 0]]], "float32")
    chain = Chain(links, zeros[:, 0], zeros[:, 0])
    mask = np.ones((1, 2), bool)
    total = ops.convert_to_numpy(log_partition(*tensors(zeros, chain), mask))
    assert total[0] == pytest.approx(np.log(6), rel=1e-6)
    assert viterbi(zeros, chain, mask, ops=np).tolist() == [[0, 1]]


def test_a_path_scores_what_its_parts_add_up_to(drawn):
    rng = np.random.default_rng(1)
    for _ in range(5):
        tags = rng.integers(0, TAGS, MASKS.shape)
        given = path_score(*tensors(*drawn), ops.convert_to_tensor(tags), MASKS)
        found = ops.convert_to_numpy(given)
        for row in range(4):
            expected = by_hand(*drawn, row, tags[row][MASKS[row]])
            assert found[row] == pytest.approx(expected, rel=1e-4, abs=1e-5)
        assert found[4] == 0


@pytest.mark.parametrize("of", ["keras", "numpy"])
def test_viterbi_finds_the_best_of_all_paths(drawn, of):
    if of == "keras":
        found = ops.convert_to_numpy(viterbi(*tensors(*drawn), ops.convert_to_tensor(MASKS)))
    else:
        found = viterbi(*drawn, MASKS, ops=np)
    for row in range(4):
        paths, scores = every_path(*drawn, row)
        assert tuple(found[row][MASKS[row]]) == paths[scores.argmax()]


def test_what_is_masked_changes_no_bit(drawn):
    emissions, chain = drawn
    noisy = np.where(MASKS[..., None], emissions, np.float32(1e6))
    for ask in (
        log_partition,
        lambda *a: path_score(*a[:2], ops.zeros(MASKS.shape, "int32"), a[2]),
    ):
        one, other = (
            ops.convert_to_numpy(ask(*tensors(e, chain), MASKS)) for e in (emissions, noisy)
        )
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("far", [30.0, 80.0])
def test_the_partition_of_weights_far_apart(drawn, far):
    """Where the likeliest tag before is no part of the likeliest path; some 80 apart is the limit."""
    emissions, chain = drawn
    emissions[:, :, 0] += far
    chain.transitions[:, 0] -= 2 * far
    found = ops.convert_to_numpy(log_partition(*tensors(emissions, chain), MASKS))
    for row in range(4):
        _, scores = every_path(emissions, chain, row)
        assert found[row] == pytest.approx(np.logaddexp.reduce(scores), rel=1e-5)


def test_weights_far_apart_leave_no_nan():
    """What a rule that forbids a tag behind another would be."""
    emissions = np.zeros((1, 3, 2), "float32")
    forbidden = np.array([[[-1e4, 0], [0, -1e4]]], "float32")
    start = np.array([[0, -1e4]], "float32")
    chain = Chain(forbidden, start, np.zeros((1, 2), "float32"))
    mask = np.ones((1, 3), bool)
    found = ops.convert_to_numpy(log_partition(*tensors(emissions, chain), mask))
    assert found[0] == pytest.approx(0, abs=1e-5)
    assert viterbi(emissions, chain, mask, ops=np).tolist() == [[0, 1, 0]]


def test_the_chain_stands_below_the_places():
    logits = np.arange(2 * 8 * 3).reshape(2, 8, 3)
    emissions, chain = unpacked(logits)
    np.testing.assert_array_equal(emissions, logits[:, :3])
    np.testing.assert_array_equal(chain.transitions, logits[:, 3:6])
    np.testing.assert_array_equal(chain.start, logits[:, 6])
    np.testing.assert_array_equal(chain.end, logits[:, 7])
