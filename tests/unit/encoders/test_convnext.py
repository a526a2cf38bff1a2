"""ConvNeXt beyond what every encoder promises."""

import keras
import numpy as np
import pytest
from keras import ops
from tests.programs import built, called

from plait.encoders import ConvNeXt
from plait.encoders._inverted_block import InvertedBlock
from plait.errors import ConfigError
from plait.heads import BoxesHead, UNetHead


def tokens_of(layer, values, **arguments):
    return ops.convert_to_numpy(called(built(layer, values), values, **arguments)["tokens"])


def pictures(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


@pytest.mark.parametrize("size", [(1, 1), (5, 40), (28, 28), (96, 16), (224, 224)])
def test_the_last_map_is_small_whatever_the_pictures_size(size):
    given = ConvNeXt(8, blocks=1)(keras.Input((*size, 3)))
    maps = [tuple(m.shape) for m in given["maps"]]
    assert 1 + maps[0][1] * maps[0][2] == given["tokens"].shape[1]
    assert 1 <= min(maps[0][1:3]) <= 7
    assert given["mask"].shape == (None, given["tokens"].shape[1])
    assert tuple(m[-1] for m in maps[::-1]) == (48, 96, 192, 384)[: len(maps)]


def test_maps_go_from_coarse_to_fine():
    given = ConvNeXt(8, channels=(3, 4, 5))(keras.Input((20, 12, 1)))
    shapes = [tuple(m.shape[1:]) for m in given["maps"]]
    assert shapes == [(3, 2, 5), (5, 3, 4), (10, 6, 3)]


@pytest.mark.parametrize("size", [(60, 44), (33, 70)])
def test_heads_of_places_read_the_maps(size):
    given = ConvNeXt(8, channels=(8, 8), blocks=1)(keras.Input((*size, 3), batch_size=2))
    maps = given["maps"]
    assert UNetHead(3)(given["tokens"], of=maps).shape == (2, *maps[-1].shape[1:3], 3)
    positions = sum(m.shape[1] * m.shape[2] for m in maps)
    assert BoxesHead(2, size)(given["tokens"], of=maps).shape[:2] == (2, positions)


@pytest.mark.parametrize("size", [(5, 9), (2, 1)])
def test_the_formula_of_a_block(size):
    keras.utils.set_random_seed(0)
    block = InvertedBlock(layer_scale=0.5)
    x = pictures(1, *size, 4)
    built(block, x).bias.assign(pictures(4))
    found = ops.convert_to_numpy(called(block, x))
    kernel, bias, gamma, beta, rise, rise_bias, fall, fall_bias = (
        ops.convert_to_numpy(v)
        for part in (
            [block.kernel, block.bias],
            *(p.weights for p in (block.norm, block.rise, block.fall)),
        )
        for v in part
    )
    padded = np.pad(x[0], ((3, 3), (3, 3), (0, 0)))
    y = np.zeros(x.shape[1:])
    for row in range(size[0]):
        for column in range(size[1]):
            y[row, column] = (padded[row : row + 7, column : column + 7] * kernel).sum((0, 1))
    y += bias
    y = (y - y.mean(-1, keepdims=True)) / np.sqrt(y.var(-1, keepdims=True) + 1e-5) * gamma + beta
    wide = ops.convert_to_numpy(keras.activations.gelu((y @ rise + rise_bias).astype("float32")))
    assert wide.shape[-1] == 16
    np.testing.assert_allclose(found[0], x[0] + 0.5 * (wide @ fall + fall_bias), atol=1e-4)


def test_whole_rows_leave_a_block_out():
    keras.utils.set_random_seed(0)
    block = InvertedBlock(skipped=0.5)
    x = pictures(64, 4, 4, 3)
    full = ops.convert_to_numpy(called(built(block, x), x)) - x
    found = ops.convert_to_numpy(called(block, x, training=True)) - x
    out = np.abs(found).max((1, 2, 3)) < 1e-6
    assert 16 <= out.sum() <= 48
    np.testing.assert_allclose(found[~out], 2 * full[~out], atol=1e-5)
    np.testing.assert_array_equal(ops.convert_to_numpy(called(block, x)) - x, full)


def test_later_blocks_are_left_out_more_often():
    layer = ConvNeXt(8, channels=(4, 4), blocks=2, stochastic_depth=0.3)
    layer.build((None, 16, 16, 3))
    shares = [block.skipped for blocks in layer.stages for block in blocks]
    np.testing.assert_allclose(shares, [0, 0.1, 0.2, 0.3])


def test_a_token_knows_where_it_stands():
    """Without places, a picture of one colour would give inner tokens that are all the same."""
    layer = ConvNeXt(8, channels=(16,), blocks=1)
    tokens = tokens_of(layer, np.ones((1, 40, 40, 1), "float32"))[0, 1:].reshape(20, 20, 8)
    assert np.abs(tokens[8:12, 8:12] - tokens[9, 9]).max() > 1e-3


def test_blocks_deepen_each_stage():
    counts = []
    for blocks in (1, 2, 3):
        layer = ConvNeXt(8, channels=(4, 6), blocks=blocks)
        layer.build((None, 12, 12, 3))
        counts.append(layer.count_params())
        assert layer.blocks < layer.least_weights <= len(layer.weights)
    assert counts[2] - counts[1] == counts[1] - counts[0] > 0


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"channels": ()}, "channels is a list"),
        ({"channels": (8, 0)}, "channels is a whole number"),
        ({"blocks": 0}, "blocks is a whole number"),
        ({"stride": 1}, "stride is a whole number, 2 or more"),
        ({"dropout": 1.0}, r"dropout is in \[0, 1\)"),
        ({"stochastic_depth": 1.0}, r"stochastic_depth is in \[0, 1\)"),
        ({"layer_scale": -1.0}, "layer_scale is a number, 0 or more"),
    ],
)
def test_arguments_that_cannot_be_are_refused(wrong, message):
    with pytest.raises(ConfigError, match=f"ConvNeXt: {message}.*Received"):
        ConvNeXt(8, **wrong)
