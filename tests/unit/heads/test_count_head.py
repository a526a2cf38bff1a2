import warnings

import keras
import numpy as np
import pytest
from keras import ops

from plait.backend import mask_of, set_mask
from plait.errors import ConfigError
from plait.heads import CountHead

TOKENS = np.array([[[0.0]], [[2.0]], [[5.0]]], "float32")


def test_the_mean_goes_on_along_a_line_beyond_the_top():
    head = CountHead(2, top=2.0, prior=(0.0, 7.0))
    head(TOKENS)
    head.linear.logits.kernel.assign([[1.0, 1.0]])
    given = ops.convert_to_numpy(head(TOKENS))
    # The tangent of exp at 2, three further on.
    np.testing.assert_allclose(np.exp(given[:, 0]), [1, np.exp(2), np.exp(2) * 4], rtol=1e-5)
    np.testing.assert_allclose(given[:, 1], [7, 9, 12])


@pytest.mark.parametrize("wrong", [{"size": 3}, {"top": float("nan")}, {"top": "x"}])
def test_refuses_what_cannot_be(wrong):
    with pytest.raises(ConfigError, match=f"CountHead: {next(iter(wrong))} is a"):
        CountHead(**wrong)


def test_the_start_is_near_the_prior_by_a_tenth_of_the_tokens_size():
    tokens = 10 * np.random.default_rng(0).normal(size=(64, 1, 128)).astype("float32")
    given = ops.convert_to_numpy(CountHead(1, top=8.0, prior=(2.0,))(tokens))
    assert given[:, 0].std() == pytest.approx(1.0, rel=0.3)


def test_what_it_begins_with_follows_from_the_seed_and_differs_from_head_to_head():
    def start():
        keras.utils.set_random_seed(3)
        made = [CountHead(1), CountHead(1)]
        for head in made:
            head(TOKENS)
        return [float(head.linear.logits.kernel[0, 0]) for head in made]

    (one, other), again = start(), start()
    assert one != other
    assert [one, other] == again


def test_a_mask_ends_there_without_a_warning():
    tokens, mask = ops.ones((2, 3, 8)), ops.ones((2, 3), dtype="bool")
    set_mask(tokens, mask)
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        logits = CountHead()(tokens, mask=mask)
    assert mask_of(logits) is None
