"""Tokens that training does not see, in each form of a text's array."""

import keras
import numpy as np
import pytest

from plait.encoders import TextBag, TextRNN, TextWords
from plait.errors import ConfigError
from plait.features import Text
from plait.model import MultiTaskModel, Regime
from plait.table import Table
from plait.training._augmentation import OtherViews

ROWS = 400
SHARE = 0.25
WORDS = ["red", "blue", "green", "hat", "shoe", "coat", "scarf", "glove"]


def column():
    draw = np.random.default_rng(0)
    cells = [" ".join(draw.permutation(WORDS)[: draw.integers(2, 8)]) for _ in range(ROWS)]
    return Table.read({"c": cells}).column("c")


def seen(encoder):
    """A fitted text, its rows, and what training sees of them."""
    feature = Text(encoder=encoder, token_dropout=SHARE, max_tokens=6).fit(column())
    encoded = feature.encode(column())
    keys = np.stack([np.arange(ROWS), 3 * np.arange(ROWS)], axis=1).astype("int32")
    tensors = (keras.ops.convert_to_tensor(a) for a in (encoded.values, keys))
    return feature, encoded, keras.ops.convert_to_numpy(feature.varied(*tensors, "title"))


def test_hidden_tokens_have_the_unknown_id_and_padding_stays():
    _, given, found = seen(TextRNN(4))
    changed = found != given.values
    assert (found[changed] == 1).all()
    there = np.arange(6) < given.lengths[:, None]
    assert not changed[~there].any()
    assert changed[there].mean() == pytest.approx(SHARE, abs=0.04)


def test_a_hidden_word_hides_its_characters_and_keeps_its_place_and_its_length():
    _, given, found = seen(TextWords(4))
    hidden = (found != given.values).any(axis=-1)
    there = np.arange(6) < given.lengths[:, None]
    assert hidden[there].mean() == pytest.approx(SHARE, abs=0.04)
    np.testing.assert_array_equal(found == 0, given.values == 0)
    assert set(found[hidden].ravel()) == {0, 1}
    np.testing.assert_array_equal(found[~hidden], given.values[~hidden])


def test_without_an_n_gram_a_row_is_that_of_the_text_without_it():
    _, given, found = seen(TextBag(4))
    ids, weights = found[..., 0], found[..., 1]
    there = np.arange(6) < given.lengths[:, None]
    assert ((ids == 0) == (weights == 0)).all()
    assert (ids == 0)[there].mean() == pytest.approx(SHARE, abs=0.04)
    np.testing.assert_array_equal(ids[ids > 0], given.values[..., 0][ids > 0])
    some = (ids > 0).any(axis=1)
    before, after = (np.linalg.norm(w, axis=1) for w in (given.values[..., 1], weights))
    np.testing.assert_allclose(after[some], before[some], rtol=1e-5)
    assert np.isfinite(found).all()


def test_tokens_are_hidden_in_training_and_not_in_evaluation():
    feature, given, found = seen(TextRNN(4))
    x = {"title": keras.Input((6,), name="title", dtype="int32")}
    unknown = keras.ops.cast(keras.ops.equal(x["title"], 1), "float32")
    unknown = keras.ops.sum(unknown, axis=1, keepdims=True)
    z = keras.layers.Dense(1, use_bias=False, kernel_initializer="ones", name="count")(unknown)
    model = MultiTaskModel(x, {"count": z})
    model.compile(keras.optimizers.SGD(0.0), loss="mae")
    model.regime = Regime(augment=OtherViews({"title": feature}))
    keys = np.stack([np.arange(ROWS), 3 * np.arange(ROWS)], axis=1).astype("int32")
    y = {"count": np.zeros((ROWS, 1), "float32")}
    inputs = {"title": given.values, "row_key": keys}
    loss = model.fit(inputs, y, batch_size=100, shuffle=False, verbose=0).history["loss"][0]
    assert loss == pytest.approx((found == 1).sum() / ROWS, rel=1e-5)
    assert model.evaluate({"title": given.values}, y, verbose=0) == 0


def test_a_share_of_all_is_refused():
    for wrong in (1.0, -0.1, True):
        with pytest.raises(ConfigError, match=r"Text: token_dropout is in \[0, 1\)"):
            Text(token_dropout=wrong)
