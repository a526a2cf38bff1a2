import keras
import numpy as np
import pytest
from keras import ops

from plait.errors import ConfigError
from plait.heads import TagHead

TOKENS = np.array([[[1, 3], [3, 5]], [[5, 1], [9, 9]]], "float32")
MASK = np.array([[True, True], [True, False]])
OWN = np.array([[[1.0], [2.0], [3.0]], [[4.0], [0.0], [7.0]]], "float32")
OF = {"tokens": OWN, "mask": np.array([[True, True, True], [True, True, False]])}


def logits(head, tokens=TOKENS, mask=MASK, of=OF):
    return ops.convert_to_numpy(head(tokens, mask, of=of))


def test_a_tokens_logits_follow_from_itself_and_the_mean_of_the_fused_tokens():
    head = TagHead(2, places=3, hidden=1, prior=(10, -10))
    logits(head)
    head.inner.kernel.assign([[2]])
    head.inner.bias.assign([1])
    head.context.kernel.assign([[1], [-1]])
    head.logits.kernel.assign([[1, -1]])
    # The mean of [1, 3] and [3, 5] says -2, [5, 1] alone says 4; a masked token is 0.
    between = [[2 + 1 - 2, 4 + 1 - 2, 6 + 1 - 2], [8 + 1 + 4, 0 + 1 + 4, 0 + 1 + 4]]
    expected = ops.convert_to_numpy(ops.gelu(np.array(between, "float32")))
    given = logits(head)
    np.testing.assert_allclose(given[..., 0], expected + 10, rtol=1e-6)
    np.testing.assert_allclose(given[..., 1], -expected - 10, rtol=1e-6)


def test_the_weights_of_a_chain_stand_below_each_row():
    head = TagHead(2, places=3, chain=True)
    given = logits(head)
    assert given.shape == (2, 3 + 2 + 2, 2)
    np.testing.assert_array_equal(given[:, 3:], 0)
    links = np.arange(8, dtype="float32").reshape(4, 2)
    given = logits(TagHead(2, places=3, chain=True, links=links.tolist()))
    np.testing.assert_array_equal(given[:, 3:], [links, links])


def test_what_is_masked_changes_no_bit():
    head = TagHead(2, places=3, chain=True)
    noisy = {**OF, "tokens": np.where(OF["mask"][..., None], OWN, np.float32(np.nan))}
    np.testing.assert_array_equal(logits(head), logits(head, of=noisy))


def test_another_number_of_tokens_is_refused():
    """As of an encoder that joins the pieces it reads."""
    with pytest.raises(ConfigError, match=r"gives 5 here. Received: 3. TextWords"):
        logits(TagHead(2, places=5))


@pytest.mark.parametrize(
    "wrong",
    [
        {"size": 0},
        {"places": 0},
        {"hidden": 0},
        {"dropout": 1.0},
        {"prior": (1.0,)},
        {"links": [[1.0, 2.0]]},
    ],
)
def test_refuses_what_cannot_be(wrong):
    with pytest.raises(ConfigError, match=f"TagHead: {next(iter(wrong))} .*Received"):
        TagHead(**{"size": 2, "places": 3, **wrong})


def test_the_constructor_comes_back():
    head = TagHead(
        3, places=4, chain=True, hidden=5, dropout=0.1, prior=(1, 2, 3), links=[[1, 2, 3]] * 5
    )
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(head))
    assert again.get_config() == head.get_config()
