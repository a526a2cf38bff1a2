import numpy as np
import pytest
from keras import ops

from plait.errors import ConfigError
from plait.heads import OrderedHead

TOKENS = np.array([[[1, 2], [3, 6]], [[5, 1], [9, 9]]], "float32")
MASK = np.array([[True, True], [True, False]])


@pytest.mark.parametrize("shared_gaps", [False, True])
@pytest.mark.parametrize("prior", [(-2.0, 0.5, 0.75, 40.0), (1e-3, 2e-3), (7.0,)])
def test_tokens_of_zeros_give_the_prior(shared_gaps, prior):
    head = OrderedHead(len(prior), shared_gaps, prior=prior)
    given = ops.convert_to_numpy(head(np.zeros((2, 1, 3), "float32")))
    np.testing.assert_allclose(given, [prior, prior], rtol=1e-5)


def test_by_hand():
    """Means (2, 4) and (5, 1); the middle of three is their difference, the steps log(1 + e^v)."""
    head = OrderedHead(3)
    head(TOKENS, MASK)
    head.centre.kernel.assign([[1], [-1]])
    head.gaps.kernel.assign([[0, 1], [0, 0]])
    head.gaps.bias.assign([0, 0])
    given = ops.convert_to_numpy(head(TOKENS, MASK))
    step = np.log(2)
    expected = [[-2 - step, -2, -2 + np.log1p(np.exp(2))], [4 - step, 4, 4 + np.log1p(np.exp(5))]]
    np.testing.assert_allclose(given, expected, rtol=1e-6)


@pytest.mark.parametrize("middle", [0, 1, 2])
def test_the_middle_depends_on_no_step(middle):
    head = OrderedHead(3, prior=(-1, 2, 3), middle=middle)
    before = ops.convert_to_numpy(head(TOKENS, MASK))
    head.gaps.kernel.assign(head.gaps.kernel + 1)
    moved = np.abs(ops.convert_to_numpy(head(TOKENS, MASK)) - before).max(axis=0)
    assert (moved < 1e-5).tolist() == [place == middle for place in range(3)]


@pytest.mark.parametrize("shared_gaps", [False, True])
def test_no_weights_make_logits_cross(shared_gaps):
    head = OrderedHead(6, shared_gaps)
    head(TOKENS)
    draw = np.random.default_rng(0)
    for variable in head.trainable_variables:
        variable.assign(draw.normal(0, 10, variable.shape))
    assert (np.diff(ops.convert_to_numpy(head(TOKENS))) >= 0).all()


@pytest.mark.parametrize(
    "wrong",
    [{"size": 0}, {"dropout": 1.0}, {"prior": (1.0,)}, {"prior": (1.0, 1.0)}, {"middle": 2}],
)
def test_refuses_what_cannot_be(wrong):
    with pytest.raises(ConfigError, match=f"{next(iter(wrong))} .* Received"):
        OrderedHead(**{"size": 2, **wrong})
