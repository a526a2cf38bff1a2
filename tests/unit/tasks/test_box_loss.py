"""The detector's loss: which position looks for which box, and numbers worked out by hand."""

import keras
import numpy as np
import pytest
from keras import ops

from plait.heads import Sightings
from plait.tasks._box_loss import BoxLoss, looked_for


def places_of(frame, *strides):
    """Positions of square maps, coarse to fine."""
    places, steps = [], []
    for stride in strides:
        side = (np.arange(frame // stride) + 0.5) * stride
        places += [(x, y) for y in side for x in side]
        steps += [stride] * len(side) ** 2
    return np.array([places], "float32"), np.array([steps], "float32")


def looking(truth, places, strides):
    """`{(x, y, stride): box}` of the positions that look for one."""
    given = (ops.convert_to_tensor(a) for a in (np.array([truth], "float32"), places, strides))
    which, there = map(ops.convert_to_numpy, looked_for(*given))
    return {
        (*map(float, places[0, n]), float(strides[0, n])): int(which[0, n])
        for n in np.flatnonzero(there[0])
    }


def test_positions_look_for_the_smallest_box_near_whose_middle_they_lie():
    places, strides = places_of(32, 8)
    large, small, nothing = [2, 2, 18, 18, 1], [10, 10, 16, 16, 2], [0, 0, 32, 32, 0]
    assert looking([large, small, nothing], places, strides) == {
        (4, 4, 8): 0,
        (12, 4, 8): 0,
        (4, 12, 8): 0,
        (12, 12, 8): 1,
    }
    # Of the whole frame only the middle: 1.5 strides.
    middle = looking([[0, 0, 32, 32, 1]], places, strides)
    assert set(middle) == {(x, y, 8) for x in (12, 20) for y in (12, 20)}
    # (12, 12) lies at its edge, not in it.
    assert looking([[12, 12, 14, 14, 1]], places, strides) == {}


def test_each_map_looks_for_boxes_of_its_size():
    places, strides = places_of(256, 32, 16, 8)

    def maps(side):
        box = [128 - side / 2, 128 - side / 2, 128 + side / 2, 128 + side / 2, 1]
        return {stride for _, _, stride in looking([box], places, strides)}

    # The farthest side is up to 12 pixels more than half away, on the map of 8 pixels.
    assert maps(40) == {8}
    assert maps(150) == {16}
    assert maps(250) == {32}
    # Some of the finer map's positions are near enough to both sides.
    assert maps(120) == {8, 16}


@pytest.mark.skipif(keras.backend.backend() != "jax", reason="asks JAX what it would make")
def test_no_tensor_has_the_sides_of_each_box_at_each_position():
    """Of 64 rows of 20 boxes at 3,000 positions, they would take 61 MB each time."""
    import jax

    places, strides = places_of(256, 32, 16, 8)
    program = jax.make_jaxpr(looked_for)(np.ones((2, 16, 5), "float32"), places, strides)
    most = max(v.aval.size for e in program.eqns for v in e.outvars)
    assert most <= 2 * places.shape[1] * 16


def one_position(box, **parts):
    """A position in the middle of a frame of 8 x 8, which sees one kind."""
    given = {
        "kinds": [[[0.0]]],
        "middle": [[0.0]],
        "boxes": [[box]],
        "places": [[[4.0, 4.0]]],
        "strides": [[8.0]],
        **parts,
    }
    return Sightings(**{k: ops.convert_to_tensor(v, "float32") for k, v in given.items()}).logits


def loss_of(truth, logits):
    given = BoxLoss().call(ops.convert_to_tensor(np.array(truth, "float32")), logits)
    return ops.convert_to_numpy(given)


def test_a_loss_worked_out_by_hand():
    log2 = np.log(2)
    # Half of the box is found: GIoU 0.5. It is sought in its very middle: c = 1.
    found = loss_of([[[0, 0, 8, 8, 1], [0, 0, 0, 0, 0]]], one_position([0.0, 0, 4, 8]))
    np.testing.assert_allclose(found, [(0.25 * 0.25 * log2 + 0.5 + log2) / 2], rtol=1e-5)
    nothing = loss_of([[[0, 0, 0, 0, 0]] * 2], one_position([0.0, 0, 4, 8]))
    np.testing.assert_allclose(nothing, [0.75 * 0.25 * log2 / 2], rtol=1e-5)


def test_off_the_middle_less_is_near():
    # l, r, t, b = 4, 12, 4, 4: c is the root of a third.
    c = 3**-0.5
    right = one_position([0.0, 0, 16, 8], kinds=[[[40.0]]], middle=[[np.log(c / (1 - c))]])
    np.testing.assert_allclose(loss_of([[[0, 0, 16, 8, 1]]], right), [0], atol=1e-6)
    unsure = one_position([0.0, 0, 16, 8], kinds=[[[40.0]]])
    gap = np.log(2) + c * np.log(c) + (1 - c) * np.log(1 - c)
    np.testing.assert_allclose(loss_of([[[0, 0, 16, 8, 1]]], unsure), [gap / 2], rtol=1e-4)


def test_what_stands_in_places_without_a_box_changes_nothing():
    logits = one_position([1.0, 1, 5, 9])
    truth = [[[0, 0, 8, 8, 1], [1, 2, 6, 7, 0]], [[0, 0, 8, 8, 1], [0, 0, 0, 0, 0]]]
    one, other = (loss_of([row], logits) for row in truth)
    np.testing.assert_array_equal(one, other)


def test_training_finds_the_boxes():
    """A step downhill, again and again, from logits alone: it ends at the boxes, and all is finite."""
    keras.utils.set_random_seed(0)
    places, strides = places_of(32, 8)
    truth = np.array([[[2, 2, 14, 14, 1], [18, 10, 30, 30, 2]], [[0] * 5] * 2], "float32")
    count = places.shape[1]

    class Free(keras.layers.Layer):
        def build(self, shape):
            self.own = self.add_weight(shape=(2, count, 7), initializer="zeros")

        def call(self, x):
            own = ops.convert_to_tensor(self.own) + 0 * x[:, None]
            at = ops.convert_to_tensor(np.repeat(places, 2, 0))
            sides = 8 * ops.exp(own[..., 3:])
            boxes = ops.concatenate([at - sides[..., :2], at + sides[..., 2:]], axis=-1)
            step = ops.convert_to_tensor(np.repeat(strides, 2, 0))
            return Sightings(own[..., :2], own[..., 2], boxes, at, step).logits

    x = keras.Input((1,), batch_size=2)
    model = keras.Model(x, Free()(x))
    model.compile(keras.optimizers.Adam(0.1), loss=BoxLoss())
    history = model.fit(np.ones((2, 1)), truth, epochs=150, verbose=0, shuffle=False, batch_size=2)
    assert np.isfinite(history.history["loss"]).all()
    assert history.history["loss"][-1] < 0.02
    seen = Sightings.of(model.predict_on_batch(np.ones((2, 1))))
    best = seen.boxes[0, seen.kinds[0].argmax(axis=0)]
    np.testing.assert_allclose(best, truth[0, :, :4], atol=1)
    assert seen.kinds[1].max() < -2
