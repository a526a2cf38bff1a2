import numpy as np
import pytest
from keras import ops

from plait.errors import ConfigError
from plait.heads import LinearHead

TOKENS = np.array([[[1, 2], [3, 6]], [[5, 1], [9, 9]]], "float32")
MASK = np.array([[True, True], [True, False]])


def test_is_the_linear_function_of_the_mean_of_the_valid_tokens():
    head = LinearHead(1, prior=(10,))
    head(TOKENS, MASK)
    head.logits.kernel.assign([[1], [-1]])
    given = ops.convert_to_numpy(head(TOKENS, MASK))
    np.testing.assert_allclose(given, [[2 - 4 + 10], [5 - 1 + 10]])


def test_without_a_mask_all_tokens_count():
    head = LinearHead(2)
    np.testing.assert_array_equal(
        ops.convert_to_numpy(head(TOKENS)),
        ops.convert_to_numpy(head(TOKENS, np.ones((2, 2), bool))),
    )


def test_a_row_without_a_valid_token_gives_the_prior():
    head = LinearHead(2, prior=(1, -1))
    given = head(TOKENS, np.zeros((2, 2), bool))
    np.testing.assert_array_equal(ops.convert_to_numpy(given), [[1, -1], [1, -1]])


@pytest.mark.parametrize("wrong", [{"size": 0}, {"dropout": -0.1}, {"prior": (1.0,)}])
def test_refuses_what_cannot_be(wrong):
    with pytest.raises(ConfigError, match=f"{next(iter(wrong))} .* Received"):
        LinearHead(**{"size": 2, **wrong})
