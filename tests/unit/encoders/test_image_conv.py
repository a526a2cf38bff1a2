"""ImageConv beyond what every encoder promises."""

import keras
import numpy as np
import pytest
from keras import ops

from plait.encoders import ImageConv
from plait.encoders._smooth_start import SmoothHeNormal
from plait.errors import ConfigError


def tokens_of(layer, values, **arguments):
    return ops.convert_to_numpy(layer(values, **arguments)["tokens"])


def pictures(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


@pytest.mark.parametrize("size", [(1, 1), (5, 40), (28, 28), (80, 60), (96, 16), (224, 224)])
def test_the_last_map_is_small_whatever_the_pictures_size(size):
    given = ImageConv(8)(keras.Input((*size, 3)))
    maps = [tuple(m.shape) for m in given["maps"]]
    assert 1 + maps[0][1] * maps[0][2] == given["tokens"].shape[1]
    assert 1 <= min(maps[0][1:3]) <= 7
    assert tuple(given["mask"].shape) == (None, 1 + maps[0][1] * maps[0][2])


def test_maps_go_from_coarse_to_fine():
    given = ImageConv(8, channels=(3, 4, 5))(keras.Input((20, 12, 1)))
    shapes = [tuple(m.shape[1:]) for m in given["maps"]]
    assert shapes == [(3, 2, 5), (5, 3, 4), (10, 6, 3)]


def test_the_stride_says_how_fine_the_finest_map_is():
    for stride, side in ((2, 24), (3, 16), (4, 12)):
        given = ImageConv(8, channels=(3, 4), stride=stride)(keras.Input((48, 48, 3)))
        assert given["maps"][-1].shape[1:3] == (side, side)
    with pytest.raises(ConfigError, match=r"stride .* 2 or more. Received: 1"):
        ImageConv(8, stride=1)


def test_a_token_knows_where_it_stands():
    """Without places, a picture of one colour would give inner tokens that are all the same."""
    layer = ImageConv(8, channels=(16,), blocks=0)
    tokens = tokens_of(layer, np.ones((1, 20, 20, 1), "float32"))[0, 1:].reshape(10, 10, 8)
    assert np.abs(tokens[3:6, 3:6] - tokens[4, 4]).max() > 1e-3


@pytest.mark.parametrize("dropout", [0.0, 0.5])
def test_dropout_is_on_only_in_training(dropout):
    layer = ImageConv(8, channels=(4,), dropout=dropout)
    values = pictures(1, 8, 8, 1)
    plain, again, dropped = (tokens_of(layer, values, training=t) for t in (False, False, True))
    np.testing.assert_array_equal(plain, again)
    assert (np.abs(dropped - plain).max() > 1e-3) == (dropout > 0)


def test_blocks_deepen_each_stage():
    counts = []
    for blocks in (0, 1, 2):
        layer = ImageConv(8, channels=(4, 6), blocks=blocks)
        layer.build((None, 12, 12, 3))
        counts.append(layer.count_params())
    assert counts[0] < counts[1] < counts[2]
    assert counts[2] - counts[1] == counts[1] - counts[0]


def test_one_token_says_what_is_there_wherever_it_is():
    layer = ImageConv(8, channels=(16,), blocks=0)
    here, there = np.zeros((2, 1, 40, 40, 1), "float32")
    here[0, 12:20, 12:20] = there[0, 20:28, 12:20] = 1
    layer.build((None, 40, 40, 1))
    layer.places.assign(np.zeros(layer.places.shape))
    (one, *places), (other, *elsewhere) = (tokens_of(layer, x)[0] for x in (here, there))
    np.testing.assert_allclose(one, other, atol=1e-5)
    assert np.abs(np.array(places) - elsewhere).max() > 1e-2


def test_the_first_kernels_begin_smooth_and_no_larger():
    layer = ImageConv(8)
    layer.build((None, 64, 64, 3))
    first, second = (ops.convert_to_numpy(step.kernel) for step in layer.steps[:2])

    def roughness(kernel):
        return np.square(np.diff(kernel, axis=0)).mean() / np.square(kernel).mean()

    assert roughness(first) < 0.5
    assert roughness(second) > 1.5
    he = 2 / np.prod(first.shape[:3])
    assert np.square(first).mean() == pytest.approx(he, rel=0.3)


def test_smooth_kernels_are_those_of_their_seed():
    first, again, other = (SmoothHeNormal(seed)((6, 6, 3, 4)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert np.abs(np.subtract(first, other)).max() > 0.01
    with pytest.raises(ValueError, match=r"four axes. Received: \(6, 6\)"):
        SmoothHeNormal()((6, 6))
