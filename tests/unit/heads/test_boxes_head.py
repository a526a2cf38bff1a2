"""The detector's head: what stands where in its logits, and what decides it."""

import keras
import numpy as np
import pytest
from keras import ops

from plait.errors import ConfigError
from plait.heads import BoxesHead, Sightings, UNetHead
from plait.tasks._box_loss import BoxLoss
from plait.tasks._mask_loss import MaskLoss
from tests.programs import built as ready
from tests.programs import called


def built(**arguments):
    keras.utils.set_random_seed(0)
    head = BoxesHead(3, (16, 24), channels=4, **arguments)
    draw = np.random.default_rng(0)
    maps = [draw.normal(size=(2, *s)).astype("float32") for s in ((2, 3, 5), (4, 6, 2))]
    tokens = draw.normal(size=(2, 1, 6)).astype("float32")
    return head, tokens, maps


def seen(head, tokens, maps):
    head = head if head.built else ready(head, tokens, of=maps)
    return Sightings.of(ops.convert_to_numpy(called(head, tokens, of=maps)))


def test_positions_stand_map_by_map_and_row_by_row_in_the_pixels_of_the_frame():
    found = seen(*built())
    assert found.kinds.shape == (2, 6 + 24, 3)
    np.testing.assert_array_equal(found.places[1, :4], [[4, 4], [12, 4], [20, 4], [4, 12]])
    np.testing.assert_array_equal(found.places[0, 6:8], [[2, 2], [6, 2]])
    np.testing.assert_array_equal(found.strides[0], [8] * 6 + [4] * 24)


@pytest.mark.parametrize("size", [0.01, 1.0, 100.0])
def test_at_the_start_there_is_nothing_and_boxes_have_the_size_of_their_map(size):
    """Whatever size the encoder's maps have. Kinds begin within a factor of 2 of .01 on average."""
    keras.utils.set_random_seed(0)
    tokens, maps = scene(size)
    found = seen(BoxesHead(3, (48, 64)), tokens, maps)
    shares = 1 / (1 + np.exp(-found.kinds))
    assert 0.005 < shares.mean() < 0.02
    assert shares.max() < 0.2
    sides = np.concatenate(
        [found.places - found.boxes[..., :2], found.boxes[..., 2:] - found.places]
    )
    strides = np.concatenate([found.strides] * 2)[..., None]
    assert 0.5 < np.exp(np.log(sides / strides / 4).mean()) < 2
    assert np.log(sides / strides / 4).std() < 1


def test_the_maps_are_told_as_much_as_by_a_mask():
    """The gradient at random maps is 6 times that of `UNetHead` for a mask of the same boxes.

    It was .02 times that at maps of size .01, when they were taken as they are and answers began small.
    """
    draw = np.random.default_rng(1)
    low = draw.integers(0, (40, 24), (2, 4, 2))
    boxes = np.concatenate(
        [low, low + draw.integers(8, 24, (2, 4, 2)), [[[1], [2], [3], [1]]] * 2], -1
    )
    masks = np.zeros((2, 48, 64), "uint8")
    for row, (x0, y0, x1, y1, kind) in ((n, box) for n in range(2) for box in boxes[n]):
        masks[row, y0:y1, x0:x1] = kind
    shares = np.bincount(masks.ravel()) / masks.size
    mask_loss = MaskLoss(-(shares * np.log(shares)).sum(), 0.5)
    unet = UNetHead(4, dropout=0.0, prior=np.log(shares))
    theirs = gradients(unet, mask_loss, masks)
    head = BoxesHead(3, (48, 64), dropout=0.0)
    ours = gradients(head, BoxLoss(), boxes.astype("float32"))
    for one, other in zip(ours, theirs, strict=True):
        assert 1 < one / other < 20


def test_half_precision_does_not_round_the_scales():
    tokens, maps = scene(1.0)
    head = BoxesHead(3, (48, 64), dtype="mixed_bfloat16")
    plain = seen(head, tokens, maps)
    # In half precision 1.
    head.scales.assign(np.full(3, 1.003, "float32"))
    logs = [
        np.log((found.boxes[..., 2:] - found.places) / found.strides[..., None] / 4)
        for found in (plain, seen(head, tokens, maps))
    ]
    np.testing.assert_allclose(logs[1], 1.003 * logs[0], atol=2e-4)
    assert np.abs(logs[1] - logs[0]).max() > 1e-3


def scene(size):
    """Tokens, and maps of such a size in their numbers, of pictures of 48 x 64."""
    draw = np.random.default_rng(0)
    shapes = ((3, 4, 32), (6, 8, 16), (12, 16, 8))
    maps = [size * draw.normal(size=(2, *shape)).astype("float32") for shape in shapes]
    return draw.normal(size=(2, 1, 16)).astype("float32"), maps


def gradients(head, loss, truth):
    """The lengths of the loss' gradient with respect to maps of size .01 and 1."""
    keras.utils.set_random_seed(0)
    tokens, maps = scene(1.0)

    class Maps(keras.layers.Layer):
        def build(self, shape):
            self.own = [self.add_weight(shape=m.shape, initializer="zeros") for m in maps]

        def call(self, x):
            return [ops.convert_to_tensor(own) for own in self.own]

    x = keras.Input((1, 16), batch_size=2)
    layer = Maps()
    model = keras.Model(x, head(x, of=layer(x)))
    # A step of length 1 down the gradient is the gradient.
    model.compile(keras.optimizers.SGD(1.0), loss=loss)
    start, found = model.get_weights(), []
    for size in (0.01, 1.0):
        model.set_weights(start)
        maps = scene(size)[1]
        layer.set_weights(maps)
        model.train_on_batch(tokens, truth)
        moved = [now - was for now, was in zip(layer.get_weights(), maps, strict=True)]
        found.append(np.sqrt(sum(np.square(m, dtype="float64").sum() for m in moved)))
    return found


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
    tokens = np.ones((1, 1, 4), "float32")
    assert called(ready(head, tokens, of=maps), tokens, of=maps).shape == (1, 4 + 12 + 35, 10)


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
