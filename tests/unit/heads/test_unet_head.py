import keras
import numpy as np
import pytest
from keras import ops

from plait.errors import ConfigError
from plait.heads import UNetHead


def parts(batch=2, sides=((3, 2), (6, 4), (11, 8)), seed=0):
    draw = np.random.default_rng(seed)
    tokens = draw.normal(size=(batch, 2, 5)).astype("float32")
    maps = [draw.normal(size=(batch, *side, 4)).astype("float32") for side in sides]
    return tokens, maps


def logits(head, tokens, maps, **more):
    return ops.convert_to_numpy(head(tokens, of=maps, **more))


def test_logits_are_as_fine_as_the_finest_map():
    assert logits(UNetHead(7, channels=6), *parts()).shape == (2, 11, 8, 7)
    assert logits(UNetHead(7, channels=6), *parts(sides=((5, 5),))).shape == (2, 5, 5, 7)


def test_every_map_and_the_tokens_change_the_mask():
    head = UNetHead(3, channels=6)
    tokens, maps = parts()
    before = logits(head, tokens, maps)
    for level in range(3):
        changed = [m + 1 if n == level else m for n, m in enumerate(maps)]
        assert np.abs(logits(head, tokens, changed) - before).max() > 1e-3, level
    assert np.abs(logits(head, tokens + 1, maps) - before).max() > 1e-4


def test_a_token_of_one_row_changes_no_other_row():
    head = UNetHead(3, channels=6)
    tokens, maps = parts()
    other = tokens.copy()
    other[0] += 1
    before, after = logits(head, tokens, maps), logits(head, other, maps)
    np.testing.assert_array_equal(before[1], after[1])
    assert np.abs(before[0] - after[0]).max() > 1e-4


@pytest.mark.parametrize("size", [0.01, 1.0, 100.0])
def test_begins_near_the_prior(size):
    """A third of a logit from it on average, whatever size the encoder's maps have."""
    keras.utils.set_random_seed(0)
    prior = np.log([0.7, 0.2, 0.1])
    tokens, maps = parts()
    given = logits(UNetHead(3, prior=prior), tokens, [size * m for m in maps])
    assert 0.01 < np.square(given - prior).mean() ** 0.5 < 0.4
    assert np.abs(given.mean(axis=(0, 1, 2)) - prior).max() < 0.4


@pytest.mark.parametrize(
    "wrong", [{"size": 0}, {"channels": 0}, {"dropout": 1.0}, {"prior": (1.0,)}]
)
def test_refuses_what_cannot_be(wrong):
    with pytest.raises(ConfigError, match=f"{next(iter(wrong))} .* Received"):
        UNetHead(**{"size": 2, **wrong})
