import keras
import numpy as np
import pytest
from keras import ops

from plait.encoders import TextBag
from plait.errors import ConfigError


def rows(*grams):
    """`(rows, 4, 2)` and lengths, from lists of (id, weight)."""
    values = np.zeros((len(grams), 4, 2), "float32")
    for row, pairs in enumerate(grams):
        values[row, : len(pairs)] = np.reshape(pairs, (-1, 2))
    return values, np.array([len(pairs) for pairs in grams], "int32")


def bag(**arguments):
    keras.utils.set_random_seed(0)
    return TextBag(8, **{"vocabulary": 6, **arguments})


def tokens(layer, values, lengths=None, **how):
    return ops.convert_to_numpy(ops.cast(layer(values, lengths, **how)["tokens"], "float32"))


def test_one_token_a_row_and_one_of_its_mask():
    found = bag()(*rows([(1, 0.6), (2, 0.8)], []))
    assert found["tokens"].shape == (2, 1, 8)
    assert ops.convert_to_numpy(found["mask"]).tolist() == [[True], [True]]
    assert np.isfinite(ops.convert_to_numpy(found["tokens"])).all()


def test_without_the_deep_path_it_is_the_weighted_sum():
    layer = bag(gain=2.0)
    values, lengths = rows([(1, 0.6), (2, 0.8)])
    layer(values, lengths)
    layer.outer.kernel.assign(np.zeros(layer.outer.kernel.shape))
    table = ops.convert_to_numpy(layer.table)
    expected = 2.0 * (0.6 * table[1] + 0.8 * table[2])
    np.testing.assert_allclose(tokens(layer, values, lengths)[0, 0], expected, atol=1e-6)


def test_what_stands_in_the_padding_changes_nothing():
    layer = bag()
    values, lengths = rows([(1, 0.6), (2, 0.8)], [])
    clean = tokens(layer, values, lengths)
    values[0, 2:], values[1] = np.nan, [5, 3.0]
    np.testing.assert_array_equal(tokens(layer, values, lengths), clean)


def test_ids_beyond_the_vocabulary_are_not_read():
    layer = bag()
    known, _ = rows([(1, 0.6)])
    beyond, _ = rows([(1, 0.6), (6, 0.8), (-1, 0.8)])
    np.testing.assert_array_equal(tokens(layer, beyond), tokens(layer, known))


def test_dropout_is_in_training_only_and_keeps_the_sum():
    layer = bag(gram_dropout=0.5, dropout=0.0)
    values, lengths = rows(*[[(1, 1.0)]] * 512)
    calm = tokens(layer, values, lengths)
    np.testing.assert_array_equal(tokens(layer, values, lengths), calm)
    layer.outer.kernel.assign(np.zeros(layer.outer.kernel.shape))
    calm, wild = (tokens(layer, values, lengths, training=t)[:, 0] for t in (False, True))
    left = ~np.all(wild == 0, axis=-1)
    assert 0.4 < left.mean() < 0.6
    np.testing.assert_allclose(wild[left], 2 * calm[left], rtol=1e-5)


def test_ids_are_exact_in_half_precision():
    layer = bag(vocabulary=400, dtype="mixed_bfloat16")
    values, lengths = rows([(257, 1.0)], [(256, 1.0)])
    first, second = tokens(layer, values, lengths)
    assert not np.array_equal(first, second)


def test_the_constructor_comes_back():
    layer = bag(hidden=16, gain=3.0, gram_dropout=0.3, dropout=0.4, seed=7)
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer))
    assert again.get_config() == layer.get_config()


def test_needs_a_vocabulary():
    with pytest.raises(ConfigError, match=r"TextBag\(vocabulary=...\)"):
        TextBag(8)(*rows([(1, 1.0)]))
