"""The detector's head: what stands where in its logits, and what decides it."""

import keras
import numpy as np
import pytest
from keras import ops

from plait.errors import ConfigError
from plait.heads import BoxesHead, Sightings


def built(**arguments):
    keras.utils.set_random_seed(0)
    head = BoxesHead(3, (16, 24), channels=4, **arguments)
    draw = np.random.default_rng(0)
    maps = [draw.normal(size=(2, *s)).astype("float32") for s in ((2, 3, 5), (4, 6, 2))]
    tokens = draw.normal(size=(2, 1, 6)).astype("float32")
    return head, tokens, maps


def seen(head, tokens, maps):
    return Sightings(*map(ops.convert_to_numpy, Sightings.of(head(tokens, of=maps))))


def test_positions_stand_map_by_map_and_row_by_row_in_the_pixels_of_the_frame():
    found = seen(*built())
    assert found.kinds.shape == (2, 6 + 24, 3)
    np.testing.assert_array_equal(found.places[1, :4], [[4, 4], [12, 4], [20, 4], [4, 12]])
    np.testing.assert_array_equal(found.places[0, 6:8], [[2, 2], [6, 2]])
    np.testing.assert_array_equal(found.strides[0], [8] * 6 + [4] * 24)


def test_at_the_start_there_is_nothing_and_boxes_have_the_size_of_their_map():
    found = seen(*built())
    np.testing.assert_allclose(1 / (1 + np.exp(-found.kinds)), 0.01, rtol=0.3)
    sides = found.boxes[..., 2:] - found.boxes[..., :2]
    np.testing.assert_allclose(
        sides, 8 * np.broadcast_to(found.strides[..., None], sides.shape), rtol=0.3
    )
    middles = (found.boxes[..., 2:] + found.boxes[..., :2]) / 2
    assert (np.abs(middles - found.places) < found.strides[..., None]).all()


def test_the_fused_tokens_change_what_is_found():
    head, tokens, maps = built()
    plain, other = seen(head, tokens, maps), seen(head, tokens + 1, maps)
    assert np.abs(plain.kinds - other.kinds).max() > 1e-4
    np.testing.assert_array_equal(plain.places, other.places)


def test_the_coarse_map_reaches_the_positions_of_the_fine_one():
    head, tokens, maps = built()
    plain = seen(head, tokens, maps)
    maps[0][:, 1, 2] += 1
    changed = (
        np.abs(seen(head, tokens, maps).kinds - plain.kinds).max(axis=(0, 2))[6:].reshape(4, 6)
    )
    assert (changed[2:, 4:] > 0).all()


def test_maps_of_odd_sizes_are_joined():
    head = BoxesHead(2, (20, 28))
    maps = [np.ones((1, *size, 3), "float32") for size in ((2, 2), (3, 4), (5, 7))]
    assert head(np.ones((1, 1, 4), "float32"), of=maps).shape == (1, 4 + 12 + 35, 10)


@pytest.mark.parametrize(
    ("frame", "sizes", "strides"),
    [
        ((180, 240), [(6, 8), (12, 15), (23, 30), (45, 60)], [32, 16, 8, 4]),
        ((45, 67), [(3, 5), (6, 9), (12, 17)], [16, 8, 4]),
        ((5, 5), [(1, 1), (2, 2), (3, 3)], [8, 4, 2]),
        # Steps of 3 pixels, which no power of two can be.
        ((9, 12), [(3, 4)], [3]),
    ],
)
def test_maps_that_reach_over_an_odd_frame_keep_their_stride(frame, sizes, strides):
    head = BoxesHead(1, frame, channels=2)
    maps = [np.ones((1, *size, 2), "float32") for size in sizes]
    found, start = seen(head, np.ones((1, 1, 2), "float32"), maps), 0
    for (height, width), stride in zip(sizes, strides, strict=True):
        own = slice(start, start := start + height * width)
        np.testing.assert_array_equal(found.strides[0, own], stride)
        places = found.places[0, own].reshape(height, width, 2)
        np.testing.assert_array_equal(places[0, :, 0], (np.arange(width) + 0.5) * stride)
        np.testing.assert_array_equal(places[:, 0, 1], (np.arange(height) + 0.5) * stride)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"kinds": 0}, "kinds is a whole number"),
        ({"frame": (8, 8, 3)}, r"frame is \(height, width\)"),
        ({"frame": (0, 8)}, "height is a whole number"),
        ({"blocks": -1}, "blocks is a whole number"),
        ({"dropout": 1.0}, "dropout is in"),
    ],
)
def test_arguments_that_cannot_be(arguments, message):
    with pytest.raises(ConfigError, match=message):
        BoxesHead(**{"kinds": 2, "frame": (8, 8), **arguments})
