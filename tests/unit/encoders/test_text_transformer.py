import keras
import numpy as np
import pytest
from keras import ops

from plait._rotary import angles
from plait.encoders import TextTransformer
from plait.errors import ConfigError

IDS = np.array([[2, 3, 4, 0, 0], [5, 0, 0, 0, 0], [0, 0, 0, 0, 0]], "int32")
LENGTHS = np.array([3, 1, 0], "int32")


def net(**arguments):
    keras.utils.set_random_seed(0)
    return TextTransformer(8, **{"vocabulary": 6, "heads": 2, **arguments})


def read(layer, ids=IDS, lengths=LENGTHS, **how):
    found = layer(ids, lengths, **how)
    return ops.convert_to_numpy(found["tokens"]), ops.convert_to_numpy(found["mask"])


def test_a_token_a_word_and_one_at_least():
    tokens, mask = read(net())
    assert tokens.shape == (3, 5, 8)
    assert mask.sum(axis=1).tolist() == [3, 1, 1]
    assert np.isfinite(tokens).all()


def test_padding_changes_nothing():
    layer = net()
    tokens, mask = read(layer)
    noise = np.where(np.arange(5) < LENGTHS[:, None], IDS, 4)
    again, _ = read(layer, noise)
    np.testing.assert_array_equal(again, tokens)
    shorter, _ = read(layer, IDS[:, :3])
    np.testing.assert_allclose(shorter[mask[:, :3]], tokens[mask], atol=1e-6)


def test_a_token_knows_both_sides_and_the_order():
    layer = net()
    ids = np.array([[2, 3, 4, 5, 2]], "int32")
    whole = np.array([5], "int32")
    tokens, _ = read(layer, ids, whole)
    for other in ([2, 3, 5, 5, 2], [3, 2, 4, 5, 2], [2, 3, 4, 2, 5]):
        again, _ = read(layer, np.array([other], "int32"), whole)
        assert np.abs(again[0, 2] - tokens[0, 2]).max() > 1e-4


def attention_as_written(layer, ids):
    """The layer's formula, for one row of valid ids."""

    def weights(part):
        return [ops.convert_to_numpy(v) for v in part.weights]

    def normed(x, norm):
        gamma, beta = weights(norm)
        mean, var = x.mean(-1, keepdims=True), x.var(-1, keepdims=True)
        return (x - mean) / np.sqrt(var + 1e-5) * gamma + beta

    def linear(x, dense):
        kernel, *bias = weights(dense)
        return x @ kernel + (bias[0] if bias else 0)

    def heads(x):
        return x.reshape(len(x), 2, 4).transpose(1, 0, 2)

    def at_their_place(x):
        """Numbers i and i + 2 of a head as one complex number, times e^(i · place · rate)."""
        turns = np.exp(1j * np.outer(np.arange(x.shape[1]), [1.0, 10_000.0**-0.5]))
        z = (x[..., :2] + 1j * x[..., 2:]) * turns
        return np.concatenate([z.real, z.imag], axis=-1)

    def gelu(x):
        return ops.convert_to_numpy(keras.activations.gelu(x))

    x = normed(weights(layer.embedding)[0][ids], layer.first_norm)
    for block in layer.stack:
        own = normed(x, block.norm)
        query, key, value = (heads(linear(own, p)) for p in (block.query, block.key, block.value))
        scores = at_their_place(query) @ at_their_place(key).transpose(0, 2, 1) / 2
        shares = np.exp(scores) / np.exp(scores).sum(-1, keepdims=True)
        x = x + linear((shares @ value).transpose(1, 0, 2).reshape(len(x), 8), block.joined)
        kernel, bias = weights(block.rise)
        rise = gelu((normed(x, block.second_norm) @ kernel + bias).astype("float32"))
        x = x + linear(rise, block.fall)
    return normed(x, layer.norm)


def test_the_formula():
    layer = net()
    ids = np.array([[2, 5, 3, 1]], "int32")
    tokens, _ = read(layer, ids, None)
    np.testing.assert_allclose(tokens[0], attention_as_written(layer, ids[0]), atol=1e-5)


def test_it_does_not_matter_where_words_stand():
    """What a token says depends on how far the others are, not on its place in the row."""
    layer = net()
    words = [2, 5, 3]
    alone, _ = read(layer, np.array([[*words, 0, 0]], "int32"), np.array([3], "int32"))
    # Two tokens of which nothing is heard stand before.
    ids = np.array([[4, 4, *words]], "int32")
    x = layer.first_norm(layer.embedding(ids))
    seen = np.array([0, 0, 1, 1, 1], bool)[None, None, None]
    for block in layer.stack:
        x = block(x, seen, angles=ops.convert_to_tensor(angles(5, 4)))
    later = ops.convert_to_numpy(layer.norm(x))
    np.testing.assert_allclose(later[0, 2:], alone[0, :3], atol=1e-5)


def test_ids_beyond_the_vocabulary_are_unknown():
    layer = net()
    beyond, unknown = IDS.copy(), IDS.copy()
    beyond[0, 0], unknown[0, 0] = 99, 1
    np.testing.assert_array_equal(read(layer, beyond)[0], read(layer, unknown)[0])


def test_words_become_unknown_while_training():
    layer = net(unknown=1.0, dropout=0.0)
    tokens, mask = read(layer, training=True)
    unknown, _ = read(layer, np.where(IDS > 0, 1, 0))
    np.testing.assert_allclose(tokens[mask], unknown[mask], atol=1e-6)


def test_it_has_the_weights_that_were_counted():
    layer = net(blocks=3)
    read(layer)
    assert layer.blocks <= layer.least_weights <= len(layer.weights)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"blocks": 0}, "blocks is a whole number"),
        ({"heads": 0}, "heads is a whole number"),
        ({"heads": 3}, "heads part the width evenly"),
        ({"heads": 8}, "heads part the width evenly, into 2 numbers at least"),
        ({"hidden": 0}, "hidden is a whole number"),
        ({"vocabulary": 0}, "vocabulary is a whole number"),
        ({"unknown": 1.5}, r"unknown is in \[0, 1\]"),
        ({"dropout": 1.0}, r"dropout is in \[0, 1\)"),
    ],
)
def test_arguments_that_cannot_be_are_refused(wrong, message):
    with pytest.raises(ConfigError, match=f"TextTransformer: {message}.*Received"):
        TextTransformer(8, **wrong)


def test_without_a_vocabulary_it_is_not_built():
    with pytest.raises(ConfigError, match=r"TextTransformer\(vocabulary=...\)"):
        TextTransformer(8)(IDS, LENGTHS)
