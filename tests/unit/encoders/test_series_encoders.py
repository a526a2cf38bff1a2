import keras
import numpy as np
import pytest
from keras import ops

from plait.encoders import SeriesConv, SeriesTransformer
from plait.errors import ConfigError

STEPS = 12
KINDS = [
    lambda **more: SeriesConv(8, channels=6, dilations=(1, 2), dropout=0.0, **more),
    lambda **more: SeriesTransformer(8, blocks=2, heads=2, dropout=0.0, **more),
]
every_kind = pytest.mark.parametrize("make", KINDS, ids=["conv", "transformer"])


def tokens_of(layer, values):
    return ops.convert_to_numpy(layer(values)["tokens"])


def changed_tokens(layer, step):
    """Which tokens are others where one step is."""
    keras.utils.set_random_seed(0)
    values = np.random.default_rng(0).normal(size=(1, STEPS, 3)).astype("float32")
    before = tokens_of(layer, values)
    values[0, step] += 1
    return np.flatnonzero(np.abs(tokens_of(layer, values) - before).max(axis=-1)[0] > 1e-7)


def test_a_causal_token_knows_nothing_of_what_comes_after():
    for layer in (KINDS[0](), KINDS[1](causal=True)):
        assert changed_tokens(layer, 5).min() == 5


def test_other_tokens_know_both_sides():
    for layer in (KINDS[0](padding="same"), KINDS[1]()):
        assert changed_tokens(layer, 5).min() < 5


def test_a_token_sees_as_many_steps_as_the_dilations_say():
    # Two convolutions of three steps with dilations 1 and 2: 1 + 2 * 2 * (1 + 2) = 13 steps.
    assert changed_tokens(KINDS[0](), 0).max() == STEPS - 1
    narrow = SeriesConv(8, channels=6, dilations=(1,), dropout=0.0)
    assert changed_tokens(narrow, 0).max() == 4


def test_the_end_of_a_series_looks_the_same_at_any_length():
    """Steps are told apart by their distance from the last one."""
    keras.utils.set_random_seed(0)
    layer = KINDS[1]()
    values = np.random.default_rng(0).normal(size=(2, STEPS, 3)).astype("float32")
    values[1, :3] = values[0, -3:]
    layer(values)
    for block in layer.stack:
        # What a token hears of the others depends on how many there are.
        block.joined.kernel.assign(np.zeros(block.joined.kernel.shape))
    tokens = ops.convert_to_numpy(layer(values, np.array([STEPS, 3], "int32"))["tokens"])
    np.testing.assert_allclose(tokens[1, :3], tokens[0, -3:], atol=1e-5)
    # The same values elsewhere are another token.
    whole = ops.convert_to_numpy(layer(values)["tokens"])
    assert np.abs(whole[1, :3] - tokens[1, :3]).max() > 0.1


@every_kind
def test_the_last_step_is_marked(make):
    layer = make()
    values = np.random.default_rng(0).normal(size=(2, STEPS, 3)).astype("float32")
    lengths = np.array([STEPS, 4], "int32")
    before = ops.convert_to_numpy(layer(values, lengths)["tokens"])
    layer.last.mark.assign(ops.convert_to_numpy(layer.last.mark) + 1)
    moved = ops.convert_to_numpy(layer(values, lengths)["tokens"]) - before
    wanted = np.zeros((2, STEPS, 1))
    wanted[[0, 1], [STEPS - 1, 3]] = 1
    np.testing.assert_allclose(moved, np.broadcast_to(wanted, moved.shape), atol=1e-5)


@pytest.mark.parametrize(
    ("cls", "wrong"),
    [
        (SeriesConv, {"channels": 0}),
        (SeriesConv, {"dilations": ()}),
        (SeriesConv, {"dilations": (1, 0)}),
        (SeriesConv, {"kernel": 0}),
        (SeriesConv, {"padding": "valid"}),
        (SeriesConv, {"dropout": 1.0}),
        (SeriesTransformer, {"blocks": 0}),
        (SeriesTransformer, {"heads": 3}),
        (SeriesTransformer, {"hidden": 0}),
    ],
)
def test_arguments_that_cannot_be_are_refused(cls, wrong):
    with pytest.raises(ConfigError, match=f"{next(iter(wrong))}.*Received"):
        cls(8, **wrong)
