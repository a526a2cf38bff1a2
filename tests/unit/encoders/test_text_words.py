import keras
import numpy as np
import pytest
from keras import ops

from plait.encoders import TextWords
from plait.errors import ConfigError

# Three rows of up to four words, each a word's id and those of up to three characters.
IDS = np.zeros((3, 4, 4), "int32")
IDS[0, :3] = [[2, 2, 3, 0], [3, 4, 0, 0], [1, 3, 3, 2]]
IDS[1, 0] = [4, 2, 2, 2]
LENGTHS = np.array([3, 1, 0], "int32")


def net(**arguments):
    keras.utils.set_random_seed(0)
    return TextWords(8, **{"vocabulary": 6, "characters": 5, "filters": 4, **arguments})


def read(layer, ids=IDS, lengths=LENGTHS, **how):
    found = layer(ids, lengths, **how)
    return ops.convert_to_numpy(found["tokens"]), ops.convert_to_numpy(found["mask"])


def changed(row, place, channel, to):
    ids = IDS.copy()
    ids[row, place, channel] = to
    return ids


def test_a_token_a_word_and_one_at_least():
    tokens, mask = read(net())
    assert tokens.shape == (3, 4, 8)
    assert mask.sum(axis=1).tolist() == [3, 1, 1]
    assert np.isfinite(tokens).all()


def test_padding_changes_nothing():
    layer = net()
    tokens, mask = read(layer)
    beyond = np.arange(4) >= LENGTHS[:, None]
    noise = np.where(beyond[..., None], 3, IDS)
    np.testing.assert_array_equal(read(layer, noise)[0], tokens)
    shorter, _ = read(layer, IDS[:, :3])
    np.testing.assert_allclose(shorter[mask[:, :3]], tokens[mask], atol=1e-6)
    # As little does more room behind the characters of a word.
    wider, _ = read(layer, np.pad(IDS, ((0, 0), (0, 0), (0, 2))))
    np.testing.assert_allclose(wider, tokens, atol=1e-6)


def test_each_word_is_read_with_what_stands_before_and_behind():
    layer = net()
    tokens, _ = read(layer)
    for place, elsewhere in ((2, 0), (0, 2)):
        again, _ = read(layer, changed(0, place, 0, 5))
        assert not np.array_equal(again[0, elsewhere], tokens[0, elsewhere])
        np.testing.assert_array_equal(again[1], tokens[1])


def test_words_that_are_unknown_differ_by_their_characters():
    layer = net()
    tokens, _ = read(layer)
    again, _ = read(layer, changed(0, 2, 1, 4))
    assert not np.array_equal(again[0, 2], tokens[0, 2])


def test_a_filter_keeps_its_largest_value_over_a_word():
    """One filter that counts nothing but how large a character's first number is."""
    layer = net(filters=1, window=1)
    read(layer)
    table = np.zeros((5, 16), "float32")
    table[:, 0] = [9, 0, 1, 3, -2]
    layer.letters.embeddings.assign(table / 8)
    layer.parts.kernel.assign(np.eye(16, 1))
    found = ops.convert_to_numpy(layer._spelled(ops.convert_to_tensor(IDS[..., 1:])))
    # Of characters 2 and 3 the latter; of 4 alone nothing, since what is negative is cut; padding,
    # which would have 9, is not read.
    np.testing.assert_array_equal(found[0, :, 0], [3, 0, 3, 0])
    np.testing.assert_array_equal(found[1, :, 0], [1, 0, 0, 0])


def test_ids_beyond_the_vocabulary_are_unknown():
    layer = net()
    for channel in (0, 1):
        beyond, _ = read(layer, changed(0, 0, channel, 99))
        unknown, _ = read(layer, changed(0, 0, channel, 1))
        np.testing.assert_array_equal(beyond, unknown)


def test_without_lengths_all_is_read():
    layer = net()
    full = np.full((2, 4, 4), 3, "int32")
    np.testing.assert_array_equal(
        read(layer, full, None)[0], read(layer, full, np.array([4, 4], "int32"))[0]
    )


def test_words_become_unknown_while_training_and_keep_their_characters():
    layer = net(unknown=1.0, dropout=0.0)
    tokens, mask = read(layer, training=True)
    unknown = IDS.copy()
    unknown[..., 0] = 1
    np.testing.assert_allclose(tokens[mask][:4], read(layer, unknown)[0][mask][:4], atol=1e-6)


def test_the_constructor_comes_back():
    layer = net(embedding_width=3, window=2, unknown=0.1, dropout=0.2, seed=7)
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer))
    assert again.get_config() == layer.get_config()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"width": 7}, "width is even"),
        ({"filters": 0}, "filters is a whole number"),
        ({"window": 0}, "window is a whole number"),
        ({"unknown": 1.5}, "unknown is in"),
        ({"dropout": 1.0}, "dropout is in"),
    ],
)
def test_refuses_what_cannot_be(arguments, message):
    with pytest.raises(ConfigError, match=message):
        TextWords(**arguments)


@pytest.mark.parametrize("known", [{}, {"vocabulary": 6}])
def test_without_a_vocabulary_nothing_is_built(known):
    with pytest.raises(ConfigError, match="for_feature with a fitted Text"):
        TextWords(8, **known)(IDS, LENGTHS)
