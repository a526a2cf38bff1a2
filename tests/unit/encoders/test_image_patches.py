"""ImagePatches beyond what every encoder promises."""

import keras
import numpy as np
import pytest
from keras import ops
from tests.programs import built, called

from plait.encoders import ImagePatches
from plait.encoders._image_patches import unfolded, waves
from plait.errors import ConfigError
from plait.heads import BoxesHead, UNetHead


def tokens_of(layer, values, **arguments):
    return ops.convert_to_numpy(called(layer, values, **arguments)["tokens"])


def pictures(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


@pytest.mark.parametrize(
    ("size", "side"),
    [
        ((1, 1), 2),
        ((8, 8), 2),
        ((5, 40), 2),
        ((28, 28), 4),
        ((64, 64), 8),
        ((96, 80), 8),
        ((224, 224), 16),
    ],
)
def test_the_patch_follows_the_pictures_size(size, side):
    layer = ImagePatches(8)
    given = layer(keras.Input((*size, 3)))
    high, wide = (-(-s // side) for s in size)
    assert given["tokens"].shape == (None, high * wide, 8)
    assert given["mask"].shape == (None, high * wide)
    assert given["maps"][0].shape == (None, high, wide, 8)
    assert high * wide <= 200


def test_a_patch_is_one_linear_map_row_by_row():
    layer = ImagePatches(8, patch=3, blocks=1)
    values = pictures(1, 6, 9, 2)
    built(layer, values)
    layer.places.assign(np.zeros(layer.places.shape))
    for part in (layer.stack[0].joined, layer.stack[0].fall):
        part.kernel.assign(np.zeros(part.kernel.shape))
    kernel = ops.convert_to_numpy(layer.enter.kernel).reshape(-1, 8)
    cut = [values[0, y : y + 3, x : x + 3].ravel() for y in (0, 3) for x in (0, 3, 6)]
    z = np.array(cut) @ kernel
    z = (z - z.mean(-1, keepdims=True)) / np.sqrt(z.var(-1, keepdims=True) + 1e-5)
    np.testing.assert_allclose(tokens_of(layer, values)[0], z, atol=1e-4)


def test_a_side_that_the_patch_does_not_divide_is_padded_behind():
    values = pictures(1, 6, 7, 3)
    layer = built(ImagePatches(8, patch=4), values)
    padded = np.pad(values, ((0, 0), (0, 2), (0, 1), (0, 0)))
    tokens = tokens_of(layer, values)
    whole = built(ImagePatches(8, patch=4), padded)
    whole.set_weights(layer.get_weights())
    np.testing.assert_array_equal(tokens_of(whole, padded), tokens)


def test_places_are_waves_of_the_row_and_of_the_column():
    found = waves(3, 2, 10).reshape(3, 2, 10)
    rates = [1.0, 0.1]
    for row in range(3):
        for column in range(2):
            wanted = [
                f(place * rate)
                for place in (row, column)
                for f in (np.sin, np.cos)
                for rate in rates
            ]
            np.testing.assert_allclose(found[row, column], [*wanted, 0, 0], atol=1e-6)
    layer = ImagePatches(12, patch=4)
    layer.build((None, 12, 8, 1))
    np.testing.assert_array_equal(ops.convert_to_numpy(layer.places), waves(3, 2, 12))


def test_unfolding_keeps_each_number_near_its_place():
    x = np.arange(2 * 3 * 8).reshape(1, 2, 3, 8)
    found = ops.convert_to_numpy(unfolded(ops.convert_to_tensor(x)))
    assert found.shape == (1, 4, 6, 2)
    for y in range(4):
        for z in range(6):
            part = 2 * (y % 2) + z % 2
            wanted = x[0, y // 2, z // 2, 2 * part : 2 * part + 2]
            np.testing.assert_array_equal(found[0, y, z], wanted)


def test_maps_go_from_the_patches_to_fine():
    given = ImagePatches(32, patch=16)(keras.Input((60, 44, 1)))
    shapes = [tuple(m.shape[1:]) for m in given["maps"]]
    assert shapes == [(4, 3, 32), (8, 6, 8), (15, 11, 2)]
    small = ImagePatches(8, patch=8)(keras.Input((24, 24, 1)))
    assert [tuple(m.shape[1:]) for m in small["maps"]] == [(3, 3, 8), (6, 6, 2)]
    odd = ImagePatches(8, patch=7)(keras.Input((28, 28, 1)))
    assert [tuple(m.shape[1:]) for m in odd["maps"]] == [(4, 4, 8)]


@pytest.mark.parametrize("size", [(60, 44), (33, 70)])
def test_heads_of_places_read_the_maps(size):
    given = ImagePatches(16, blocks=1)(keras.Input((*size, 3), batch_size=2))
    maps = given["maps"]
    assert UNetHead(3)(given["tokens"], of=maps).shape == (2, *maps[-1].shape[1:3], 3)
    positions = sum(m.shape[1] * m.shape[2] for m in maps)
    assert BoxesHead(2, size)(given["tokens"], of=maps).shape[:2] == (2, positions)


def test_every_patch_looks_at_every_other():
    values = pictures(1, 12, 12, 1)
    layer = built(ImagePatches(8, patch=4, blocks=1), values)
    before = tokens_of(layer, values)
    values[0, :4, :4] += 1
    assert (np.abs(tokens_of(layer, values) - before).max(-1) > 1e-6).all()


@pytest.mark.parametrize("dropout", [0.0, 0.5])
def test_dropout_is_on_only_in_training(dropout):
    values = pictures(1, 8, 8, 1)
    layer = built(ImagePatches(8, patch=4, dropout=dropout), values)
    plain, again, dropped = (tokens_of(layer, values, training=t) for t in (False, False, True))
    np.testing.assert_array_equal(plain, again)
    assert (np.abs(dropped - plain).max() > 1e-3) == (dropout > 0)


def test_it_has_the_weights_that_were_counted():
    layer = ImagePatches(8, blocks=5)
    layer.build((None, 12, 12, 3))
    assert layer.blocks <= layer.least_weights <= len(layer.weights)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"patch": 0}, "patch is a whole number"),
        ({"blocks": 0}, "blocks is a whole number"),
        ({"heads": 3}, "heads part the width evenly"),
        ({"hidden": 0}, "hidden is a whole number"),
        ({"dropout": 1.0}, r"dropout is in \[0, 1\)"),
    ],
)
def test_arguments_that_cannot_be_are_refused(wrong, message):
    with pytest.raises(ConfigError, match=f"ImagePatches: {message}.*Received"):
        ImagePatches(8, **wrong)
