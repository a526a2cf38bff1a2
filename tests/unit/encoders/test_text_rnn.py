import keras
import numpy as np
import pytest
from keras import ops

from plait.encoders import TextRNN
from plait.errors import ConfigError

IDS = np.array([[2, 3, 4, 0, 0], [5, 0, 0, 0, 0], [0, 0, 0, 0, 0]], "int32")
LENGTHS = np.array([3, 1, 0], "int32")
KINDS = [{}, {"cell": "gru"}, {"bidirectional": True}]


def net(**arguments):
    keras.utils.set_random_seed(0)
    return TextRNN(8, **{"vocabulary": 6, **arguments})


def read(layer, ids=IDS, lengths=LENGTHS, **how):
    found = layer(ids, lengths, **how)
    return ops.convert_to_numpy(found["tokens"]), ops.convert_to_numpy(found["mask"])


@pytest.mark.parametrize("kind", KINDS)
def test_a_token_a_word_and_one_at_least(kind):
    tokens, mask = read(net(**kind))
    assert tokens.shape == (3, 5, 8)
    assert mask.sum(axis=1).tolist() == [3, 1, 1]
    assert np.isfinite(tokens).all()


@pytest.mark.parametrize("kind", KINDS)
def test_padding_changes_nothing(kind):
    layer = net(**kind)
    tokens, mask = read(layer)
    noise = np.where(np.arange(5) < LENGTHS[:, None], IDS, 4)
    again, _ = read(layer, noise)
    np.testing.assert_array_equal(again, tokens)
    shorter, _ = read(layer, IDS[:, :3])
    np.testing.assert_allclose(shorter[mask[:, :3]], tokens[mask], atol=1e-6)


def test_both_directions_are_read():
    later = IDS.copy()
    later[0, 2] = 5
    forward, both = net(), net(bidirectional=True)
    np.testing.assert_array_equal(read(forward)[0][0, 0], read(forward, later)[0][0, 0])
    assert not np.array_equal(read(both)[0][0, 0], read(both, later)[0][0, 0])


def test_ids_beyond_the_vocabulary_are_unknown():
    layer = net()
    beyond, unknown = IDS.copy(), IDS.copy()
    beyond[0, 0], unknown[0, 0] = 99, 1
    np.testing.assert_array_equal(read(layer, beyond)[0], read(layer, unknown)[0])


def test_without_lengths_all_is_read():
    layer = net()
    full = np.full((2, 5), 3, "int32")
    np.testing.assert_array_equal(
        read(layer, full, None)[0], read(layer, full, np.array([5, 5], "int32"))[0]
    )


def test_words_become_unknown_while_training():
    layer = net(unknown=1.0, dropout=0.0)
    tokens, mask = read(layer, training=True)
    unknown, _ = read(layer, np.where(IDS > 0, 1, 0))
    np.testing.assert_allclose(tokens[mask], unknown[mask], atol=1e-6)


def test_the_constructor_comes_back():
    layer = net(cell="gru", bidirectional=True, unknown=0.1, dropout=0.3, seed=7)
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer))
    assert again.get_config() == layer.get_config()


def test_refuses_what_cannot_be():
    with pytest.raises(ConfigError, match="'lstm' or 'gru'"):
        TextRNN(8, cell="rnn")
    with pytest.raises(ConfigError, match="width is even"):
        TextRNN(7, bidirectional=True)
    with pytest.raises(ConfigError, match=r"TextRNN\(vocabulary=...\)"):
        TextRNN(8)(IDS, LENGTHS)
