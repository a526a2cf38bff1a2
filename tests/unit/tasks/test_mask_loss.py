"""The loss of masks, by numbers worked out by hand."""

import keras
import numpy as np
import pytest
from keras import ops

import plait
from plait.tasks._enlarge import bilinear, enlarged, middles
from plait.tasks._mask_classes import IGNORED
from plait.tasks._mask_loss import MaskLoss

LOG3 = np.log(3)


def rows(loss, y_true, y_pred):
    given = loss.call(
        ops.convert_to_tensor(np.array(y_true, "uint8")), ops.convert_to_tensor(y_pred, "float32")
    )
    return ops.convert_to_numpy(given)


def test_crossentropy_is_the_mean_over_pixels_with_a_class():
    """Logits of log 3 and 0 are probabilities of 3/4 and 1/4."""
    loss = MaskLoss(entropy=2.0, dice=0.0)
    logits = [[[[LOG3, 0], [LOG3, 0], [LOG3, 0], [0, LOG3]]]]
    given = rows(loss, [[[0, 1, IGNORED, IGNORED]]], logits)
    np.testing.assert_allclose(given, [(np.log(4 / 3) + np.log(4)) / 2 / 2], rtol=1e-6)


def test_a_pixel_counts_as_its_class_does():
    loss = MaskLoss(entropy=2.0, dice=0.0, class_weights=[0.5, 3.0])
    logits = [[[[LOG3, 0], [LOG3, 0], [LOG3, 0]]]]
    given = rows(loss, [[[0, 1, IGNORED]]], logits)
    np.testing.assert_allclose(given, [(0.5 * np.log(4 / 3) + 3 * np.log(4)) / 2 / 2], rtol=1e-6)
    again = MaskLoss.from_config(loss.get_config())
    np.testing.assert_array_equal(rows(again, [[[0, 1, IGNORED]]], logits), given)


def test_dice_is_the_mean_overlap_of_the_classes_there_are():
    """Class 0: 2 (3/4) / (3/4 + 1/4 + 1) = 3/4; class 1 likewise; and no class 2."""
    loss = MaskLoss(dice=1.0)
    least = -1e9
    logits = [[[[LOG3, 0, least], [0, LOG3, least], [0, 9.0, least]]]]
    np.testing.assert_allclose(rows(loss, [[[0, 1, IGNORED]]], logits), [1 / 4], rtol=1e-6)
    # All of it class 0: 2 (3/4 + 1/4) / (3/4 + 1/4 + 2) = 2/3.
    np.testing.assert_allclose(rows(loss, [[[0, 0, IGNORED]]], logits), [1 / 3], rtol=1e-6)


def test_each_row_is_by_itself():
    draw = np.random.default_rng(0)
    logits = draw.normal(size=(4, 3, 2, 5)).astype("float32")
    masks = draw.integers(0, 5, (4, 6, 4))
    loss = MaskLoss(entropy=1.3)
    alone = [rows(loss, masks[n : n + 1], logits[n : n + 1])[0] for n in range(4)]
    np.testing.assert_allclose(rows(loss, masks, logits), alone, rtol=1e-5)


def test_logits_are_enlarged_as_a_picture_is():
    maps = np.random.default_rng(0).normal(size=(2, 5, 3, 4)).astype("float32")
    given = ops.transpose(enlarged(ops.convert_to_tensor(maps), 20, 12), (0, 3, 2, 1))
    expected = ops.image.resize(maps, (20, 12), "bilinear", data_format="channels_last")
    np.testing.assert_allclose(
        ops.convert_to_numpy(given), ops.convert_to_numpy(expected), rtol=1e-5, atol=1e-5
    )


def test_between_two_cells_it_is_as_much_of_each_as_is_near():
    np.testing.assert_allclose(
        bilinear(np.array([0.0, 0.375, 0.5, 1.0]), 2)[:, 0], [1, 0.75, 0.5, 0]
    )
    np.testing.assert_allclose(bilinear(middles(7), 3).sum(1), 1, rtol=1e-6)


def model_of():
    x = keras.Input((2, 2, 3))
    model = plait.MultiTaskModel(x, {"mask": keras.layers.Dense(3, name="mask")(x)})
    model.compile(keras.optimizers.SGD(0.1), loss={"mask": MaskLoss()})
    return model


def test_a_row_without_a_class_counts_as_one_without_a_label():
    draw = np.random.default_rng(0)
    x = draw.normal(size=(4, 2, 2, 3)).astype("float32")
    y = draw.integers(0, 3, (4, 4, 4)).astype("uint8")
    y[1] = IGNORED
    y[2, :2] = IGNORED
    weights = np.array([1, 1, 2, 0], "float32")
    model, fewer = model_of(), model_of()
    fewer.set_weights(model.get_weights())
    logs = model.train_on_batch(x, {"mask": y}, {"mask": weights}, return_dict=True)
    kept = [0, 2]
    other = fewer.train_on_batch(
        x[kept], {"mask": y[kept]}, {"mask": weights[kept]}, return_dict=True
    )
    assert float(logs["loss"]) == pytest.approx(float(other["loss"]), rel=1e-6)
    for one, two in zip(model.get_weights(), fewer.get_weights(), strict=True):
        np.testing.assert_allclose(one, two, atol=1e-6)


def test_what_stands_in_unlabelled_pixels_moves_nothing():
    draw = np.random.default_rng(0)
    x = draw.normal(size=(3, 2, 2, 3)).astype("float32")
    y = np.full((3, 2, 2), IGNORED, "uint8")
    y[:, 0] = draw.integers(0, 3, (3, 2))
    model, other = model_of(), model_of()
    other.set_weights(model.get_weights())
    model.train_on_batch(x, {"mask": y})
    x[:, 1] += 5
    other.train_on_batch(x, {"mask": y})
    for one, two in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(one, two)
