"""The head that counts things in a picture: what it adds up, and what it learns from counts alone."""

import keras
import numpy as np
import pytest
from keras import ops

from plait.heads import DensityHead
from plait.tasks._count_loss import CountSurprise

ROWS = 256
TOKENS = np.zeros((ROWS, 1, 3), "float32")


def scenes(least, most, seed):
    """Maps of 6 x 6 and 12 x 12 positions, some of the fine ones with a thing; and how many of them."""
    draw = np.random.default_rng(seed)
    counts = draw.integers(least, most + 1, ROWS)
    there = np.argsort(draw.random((ROWS, 144)), axis=1) < counts[:, None]
    there = there.reshape(ROWS, 12, 12, 1)
    fine = np.concatenate(
        [there, np.ones_like(there), draw.normal(size=(ROWS, 12, 12, 2))], axis=-1
    )
    coarse = draw.normal(size=(ROWS, 6, 6, 3))
    return [coarse.astype("float32"), fine.astype("float32")], counts


@pytest.mark.parametrize("mean", [0.01, 1.0, 5000.0])
def test_it_begins_at_the_prior_whatever_the_picture_is(mean):
    keras.utils.set_random_seed(0)
    maps, _ = scenes(2, 9, 0)
    logits = ops.convert_to_numpy(
        DensityHead(2, prior=(np.log(mean), -1.5), dropout=0.0)(TOKENS, of=maps)
    )
    assert logits.shape == (ROWS, 2)
    np.testing.assert_allclose(np.exp(logits[:, 0]).mean(), mean, rtol=0.3)
    np.testing.assert_allclose(logits[:, 1], -1.5, atol=1e-6)


def test_it_learns_what_one_thing_adds_and_counts_more_than_it_has_seen():
    """Some 15, within 1.5 on average; the mean of the training counts is 9 off."""
    keras.utils.set_random_seed(0)
    maps, counts = scenes(2, 9, 0)
    head = DensityHead(1, channels=8, dropout=0.0, prior=(np.log(counts.mean()),))
    tokens = keras.Input((1, 3))
    of = [keras.Input(m.shape[1:]) for m in maps]
    model = keras.Model([tokens, *of], head(tokens, of=of))
    model.compile(keras.optimizers.Adam(0.01), loss=CountSurprise())
    model.fit([TOKENS, *maps], counts, batch_size=64, epochs=80, verbose=0)
    new, truth = scenes(12, 18, 1)
    found = np.exp(model.predict([TOKENS, *new], verbose=0)[:, 0])
    assert np.abs(found - truth).mean() < 1.5
