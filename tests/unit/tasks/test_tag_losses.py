"""The losses of tags, by numbers worked out by hand."""

import keras
import numpy as np
import pytest
from keras import ops

from plait.tasks._tag_losses import ChainLogLoss, TokenLogLoss

LOG3 = np.log(3)
NO = -1


def rows(loss, y_true, y_pred):
    given = loss.call(
        ops.convert_to_tensor(np.array(y_true, "int32")), ops.convert_to_tensor(y_pred, "float32")
    )
    return ops.convert_to_numpy(given)


def test_a_row_is_the_sum_over_its_tokens():
    """Logits of log 3 and 0 are probabilities of 3/4 and 1/4; what has no tag is not in the sum."""
    logits = [[[LOG3, 0], [LOG3, 0], [50, 0]], [[0, 0], [LOG3, 0], [0, 9]]]
    given = rows(TokenLogLoss(entropy=2.0, tokens=1.5), [[0, 1, NO], [NO, 0, NO]], logits)
    np.testing.assert_allclose(given, [np.log(16 / 3) / 3, np.log(4 / 3) / 3], rtol=1e-6)


def test_a_chain_without_weights_is_its_tokens():
    draw = np.random.default_rng(0)
    logits = draw.normal(size=(4, 5, 3))
    tags = np.where(draw.uniform(size=(4, 5)) < 0.3, NO, draw.integers(0, 3, (4, 5)))
    below = np.concatenate([logits, np.zeros((4, 5, 3))], axis=1)
    np.testing.assert_allclose(
        rows(ChainLogLoss(2.0), tags, below), rows(TokenLogLoss(2.0), tags, logits), rtol=1e-5
    )


def test_a_chain_of_two_tokens():
    """From 0 to 1 a weight of log 3, every other weight 0: of the four paths that one has 1/2."""
    logits = np.zeros((2, 6, 2))
    logits[:, 2, 1] = LOG3
    given = rows(ChainLogLoss(), [[0, 1], [1, 1]], logits)
    np.testing.assert_allclose(given, [np.log(2), np.log(6)], rtol=1e-6)


each_loss = pytest.mark.parametrize(
    ("loss", "places"), [(TokenLogLoss(), 6), (ChainLogLoss(), 2)], ids=["tokens", "chain"]
)


@each_loss
def test_a_row_without_a_tag_is_0(loss, places):
    given = rows(loss, [[NO] * places], np.ones((1, 6, 2)))
    np.testing.assert_array_equal(given, [0])


@each_loss
def test_a_few_steps_make_the_tags_likely(loss, places):
    """The gradient is there, and points the right way, through the scan as well."""
    start = np.random.default_rng(0).normal(size=(1, 6, 2)).astype("float32")
    logits = keras.layers.Embedding(
        1, 12, embeddings_initializer=keras.initializers.Constant(start.reshape(1, 12))
    )
    given = keras.Input((), dtype="int32")
    model = keras.Model(given, ops.reshape(logits(given), (-1, 6, 2)))
    model.compile(keras.optimizers.SGD(1.0), loss=loss)
    tags = np.array([[0, 1, 1, NO, NO, NO][:places]], "int32")
    model.fit(np.zeros(1, "int32"), tags, epochs=60, verbose=0)
    after = rows(loss, tags, model.predict(np.zeros(1, "int32"), verbose=0))
    before = rows(loss, tags, start)
    assert after[0] < 0.1 < before[0]


@pytest.mark.parametrize("loss", [TokenLogLoss(3.0, 5.0), ChainLogLoss(3.0, 5.0)])
def test_saved_and_loaded(loss):
    again = keras.losses.deserialize(keras.losses.serialize(loss))
    assert type(again) is type(loss)
    assert (again.entropy, again.tokens) == (3, 5)
