"""ResNet beyond what every encoder promises."""

import keras
import numpy as np
import pytest
from keras import ops

from plait.encoders import ResNet
from plait.encoders._basic_block import BasicBlock, groups
from plait.errors import ConfigError
from plait.heads import BoxesHead, UNetHead


def tokens_of(layer, values, **arguments):
    return ops.convert_to_numpy(layer(values, **arguments)["tokens"])


def pictures(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


@pytest.mark.parametrize("size", [(1, 1), (5, 40), (28, 28), (96, 16), (224, 224)])
def test_the_last_map_is_small_whatever_the_pictures_size(size):
    given = ResNet(8)(keras.Input((*size, 3)))
    maps = [tuple(m.shape) for m in given["maps"]]
    assert 1 + maps[0][1] * maps[0][2] == given["tokens"].shape[1]
    assert 1 <= min(maps[0][1:3]) <= 7
    assert given["mask"].shape == (None, given["tokens"].shape[1])
    assert tuple(m[-1] for m in maps[::-1]) == (32, 64, 128, 256)[: len(maps)]


def test_maps_go_from_coarse_to_fine():
    given = ResNet(8, channels=(3, 4, 5))(keras.Input((20, 12, 1)))
    shapes = [tuple(m.shape[1:]) for m in given["maps"]]
    assert shapes == [(3, 2, 5), (5, 3, 4), (10, 6, 3)]


@pytest.mark.parametrize("size", [(60, 44), (33, 70)])
def test_heads_of_places_read_the_maps(size):
    given = ResNet(8, channels=(8, 8), blocks=1)(pictures(2, *size, 3))
    maps = given["maps"]
    assert UNetHead(3)(given["tokens"], of=maps).shape == (2, *maps[-1].shape[1:3], 3)
    positions = sum(m.shape[1] * m.shape[2] for m in maps)
    assert BoxesHead(2, size)(given["tokens"], of=maps).shape[:2] == (2, positions)


def convolved(x, kernel, stride):
    """A convolution of one picture, padded as Keras' "same" does."""
    size, out = len(kernel), [-(-side // stride) for side in x.shape[:2]]
    pads = [
        max(0, (o - 1) * stride + size - side) for o, side in zip(out, x.shape[:2], strict=True)
    ]
    x = np.pad(x, (*((p // 2, p - p // 2) for p in pads), (0, 0)))
    found = np.zeros((*out, kernel.shape[-1]))
    for row in range(out[0]):
        for column in range(out[1]):
            patch = x[row * stride :, column * stride :][:size, :size]
            found[row, column] = np.einsum("hwc,hwcf->f", patch, kernel)
    return found


def normed_relu(x, count):
    """Each group of channels has mean 0 and deviation 1 over all positions."""
    parts = x.reshape(*x.shape[:2], count, -1)
    mean = parts.mean((0, 1, 3), keepdims=True)
    var = parts.var((0, 1, 3), keepdims=True)
    return np.maximum(0, (parts - mean) / np.sqrt(var + 1e-5)).reshape(x.shape)


@pytest.mark.parametrize("stride", [1, 2])
def test_the_formula_of_a_block(stride):
    keras.utils.set_random_seed(0)
    block = BasicBlock(16, stride)
    x = pictures(1, 5, 4, 16)
    found = ops.convert_to_numpy(block(x))[0]
    first, second = (ops.convert_to_numpy(c.kernel) for c in (block.shrink, block.conv))
    y = convolved(normed_relu(x[0], 2), first, stride)
    y = convolved(normed_relu(y, 2), second, 1)
    past = x[0]
    if block.past is not None:
        past = convolved(x[0], ops.convert_to_numpy(block.past.kernel), stride)
    assert (block.past is None) == (stride == 1)
    np.testing.assert_allclose(found, y + past, atol=1e-4)


def test_groups_are_of_8_channels_or_more_and_equal():
    for channels, count in ((3, 1), (8, 1), (32, 4), (48, 6), (64, 8), (20, 2), (37, 1)):
        assert groups(channels) == count
        assert channels % count == 0


def test_a_brighter_ground_is_not_forgotten():
    """A norm of each position alone would make all grounds one."""
    layer = ResNet(8, channels=(16,))
    values = np.zeros((2, 16, 16, 1), "float32")
    values[:, 4:8, 4:8] = 1
    values[1, :4] = 0.5
    first, second = tokens_of(layer, values)
    assert np.abs(first[1:9] - second[1:9]).max() > 1e-2


def test_a_token_knows_where_it_stands():
    """Without places, a picture of one colour would give inner tokens that are all the same."""
    layer = ResNet(8, channels=(16,), blocks=1)
    tokens = tokens_of(layer, np.ones((1, 40, 40, 1), "float32"))[0, 1:].reshape(20, 20, 8)
    assert np.abs(tokens[8:12, 8:12] - tokens[9, 9]).max() > 1e-3


def test_blocks_deepen_each_stage():
    counts = []
    for blocks in (1, 2, 3):
        layer = ResNet(8, channels=(4, 6), blocks=blocks)
        layer.build((None, 12, 12, 3))
        counts.append(layer.count_params())
        assert layer.blocks < layer.least_weights <= len(layer.weights)
    assert counts[2] - counts[1] == counts[1] - counts[0] > 0


@pytest.mark.parametrize("dropout", [0.0, 0.5])
def test_dropout_is_on_only_in_training(dropout):
    layer = ResNet(8, channels=(4,), dropout=dropout)
    values = pictures(1, 8, 8, 1)
    plain, again, dropped = (tokens_of(layer, values, training=t) for t in (False, False, True))
    np.testing.assert_array_equal(plain, again)
    assert (np.abs(dropped - plain).max() > 1e-3) == (dropout > 0)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"channels": ()}, "channels is a list"),
        ({"channels": (8, 0)}, "channels is a whole number"),
        ({"blocks": 0}, "blocks is a whole number"),
        ({"stride": 1}, "stride is a whole number, 2 or more"),
        ({"dropout": 1.0}, r"dropout is in \[0, 1\)"),
    ],
)
def test_arguments_that_cannot_be_are_refused(wrong, message):
    with pytest.raises(ConfigError, match=f"ResNet: {message}.*Received"):
        ResNet(8, **wrong)
