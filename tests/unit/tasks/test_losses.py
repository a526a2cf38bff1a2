"""Each formula, by numbers worked out by hand."""

import numpy as np
import pytest
from keras import ops

from plait.tasks._losses import BinaryCrossentropy, ClassCrossentropy, ScaledError
from plait.tasks._ordinal_loss import OrdinalCrossentropy

LOG2, LOG3 = np.log(2), np.log(3)


def rows(loss, y_true, y_pred):
    given = loss.call(ops.convert_to_tensor(y_true), ops.convert_to_tensor(y_pred, "float32"))
    return ops.convert_to_numpy(given)


def test_binary_crossentropy():
    """A logit of log 3 is a probability of 3/4."""
    given = rows(BinaryCrossentropy(entropy=2.0), [1.0, 0.0, 1.0], [[LOG3], [LOG3], [0.0]])
    np.testing.assert_allclose(given, np.log([4 / 3, 4, 2]) / 2, rtol=1e-6)


def test_binary_crossentropy_is_the_mean_over_the_answers_of_a_row():
    given = rows(BinaryCrossentropy(), [[1.0, 0.0]], [[LOG3, LOG3]])
    np.testing.assert_allclose(given, [(np.log(4 / 3) + np.log(4)) / 2], rtol=1e-6)


def test_class_crossentropy():
    """Logits of log 3 and 0 are probabilities of 3/4 and 1/4."""
    given = rows(ClassCrossentropy(entropy=2.0), [0, 1], [[LOG3, 0], [LOG3, 0]])
    np.testing.assert_allclose(given, np.log([4 / 3, 4]) / 2, rtol=1e-6)


def test_label_smoothing_spreads_a_share_over_all_classes():
    given = rows(ClassCrossentropy(label_smoothing=0.5), [0], [[LOG3, 0]])
    np.testing.assert_allclose(given, [0.75 * np.log(4 / 3) + 0.25 * np.log(4)], rtol=1e-6)


def test_class_weights_multiply_the_rows_of_their_class():
    given = rows(ClassCrossentropy(class_weights=(0.5, 3.0)), [0, 1], [[0, 0], [0, 0]])
    np.testing.assert_allclose(given, [LOG2 / 2, 3 * LOG2], rtol=1e-6)


@pytest.mark.parametrize(
    ("kind", "expected"), [("mse", [0.25, 9]), ("mae", [0.5, 3]), ("huber", [0.125, 2.5])]
)
def test_scaled_error(kind, expected):
    given = rows(ScaledError(kind, scale=2.0), [1.0, 1.0], [[1.5], [-2.0]])
    np.testing.assert_allclose(given, np.array(expected) / 2)


def test_targets_may_have_an_axis_of_one():
    for loss, y in ((BinaryCrossentropy(), [1.0, 0]), (ScaledError(), [1.0, 0])):
        flat, tall = rows(loss, y, [[2.0], [3]]), rows(loss, np.reshape(y, (2, 1)), [[2.0], [3]])
        np.testing.assert_array_equal(flat, tall)
        assert flat.shape == (2,)
    flat = rows(ClassCrossentropy(), [1, 0], [[2.0, 0], [3, 1]])
    tall = rows(ClassCrossentropy(), [[1.0], [0.0]], [[2.0, 0], [3, 1]])
    np.testing.assert_array_equal(flat, tall)


def test_binary_label_smoothing_and_class_weights():
    """Targets of .9 and .1 at a probability of 3/4; the second counts three times."""
    loss = BinaryCrossentropy(label_smoothing=0.2, class_weights=(3.0, 1.0))
    given = rows(loss, [1.0, 0.0], [[LOG3], [LOG3]])
    yes, no = -np.log(0.75), -np.log(0.25)
    np.testing.assert_allclose(given, [0.9 * yes + 0.1 * no, 3 * (0.1 * yes + 0.9 * no)], rtol=1e-6)


def test_binary_focal_loss():
    """At a probability of 3/4: 1/4 squared of the loss where it is right, 3/4 squared where not."""
    given = rows(BinaryCrossentropy(focal=(2, 2)), [1.0, 0.0], [[LOG3], [LOG3]])
    np.testing.assert_allclose(given, [np.log(4 / 3) / 16, np.log(4) * 9 / 16], rtol=1e-5)


def test_asymmetric_loss():
    """Probabilities of 3/4 and 1/4, lowered by .3 to .45 and 0 where the label does not hold."""
    loss = BinaryCrossentropy(focal=(1, 4), margin=0.3)
    given = rows(loss, [[1.0, 0.0], [0.0, 0.0]], [[LOG3, LOG3], [LOG3, -LOG3]])
    held, other = 0.25 * np.log(4 / 3), -(0.45**4) * np.log(0.55)
    np.testing.assert_allclose(given, [(held + other) / 2, other / 2], rtol=1e-5)


def test_class_focal_loss():
    """Probabilities of 3/4 and 1/4: half, and the root of 3/4, of the cross-entropy."""
    given = rows(ClassCrossentropy(focal=0.5), [0, 1], [[LOG3, 0], [LOG3, 0]])
    expected = [0.5 * np.log(4 / 3), np.sqrt(0.75) * np.log(4)]
    np.testing.assert_allclose(given, expected, rtol=1e-5)


@pytest.mark.parametrize("rule", ["corn", "cumulative"])
def test_ordinal_crossentropy(rule):
    """Shares of 1/2, 1/8 and 3/8: by corn 1/2 goes on, 3/4 of it further."""
    logits = [0.0, LOG3] if rule == "corn" else [0.0, np.log(5 / 3)]
    given = rows(OrdinalCrossentropy(rule, 2.0), [0, 1, 2], [logits] * 3)
    np.testing.assert_allclose(given, np.log([2, 8, 8 / 3]) / 2, rtol=1e-5)


@pytest.mark.parametrize(
    "loss",
    [
        BinaryCrossentropy(focal=(2, 2), margin=0.1),
        BinaryCrossentropy(label_smoothing=0.5),
        ClassCrossentropy(focal=2.0),
        ClassCrossentropy(label_smoothing=0.5),
    ],
)
def test_the_likelihood_is_that_of_the_answer_whatever_the_loss(loss):
    logits = [[LOG3]] if isinstance(loss, BinaryCrossentropy) else [[0.0, LOG3]]
    given = loss.log_likelihood(
        ops.convert_to_tensor([1]), ops.convert_to_tensor(logits, "float32")
    )
    np.testing.assert_allclose(ops.convert_to_numpy(given), [np.log(0.75)], rtol=1e-6)
