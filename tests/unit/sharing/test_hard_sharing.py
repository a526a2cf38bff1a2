import numpy as np
import pytest
from keras import ops

from plait.errors import ConfigError
from plait.sharing import HardSharing

TOKENS = np.random.default_rng(0).normal(size=(3, 2, 4)).astype("float32")


def test_without_blocks_it_is_the_identity():
    np.testing.assert_array_equal(ops.convert_to_numpy(HardSharing(blocks=0)(TOKENS)), TOKENS)


def test_the_identity_path_is_linear_whatever_the_blocks_add():
    """The blocks see normalised tokens: what they add does not grow with the tokens."""
    layer = HardSharing(blocks=1)
    large = ops.convert_to_numpy(layer(1e4 * TOKENS)) - 1e4 * TOKENS
    larger = ops.convert_to_numpy(layer(1e5 * TOKENS)) - 1e5 * TOKENS
    np.testing.assert_allclose(large, larger, atol=0.05)
    assert np.abs(larger).max() < 10


def test_width_is_the_size_inside_a_block():
    layer = HardSharing(blocks=1, width=9)
    layer(TOKENS)
    assert [tuple(v.shape) for v in layer.variables if "kernel" in v.path] == [(4, 9), (9, 4)]


def test_no_task_has_a_branch():
    assert HardSharing().branch("a") is None


@pytest.mark.parametrize("wrong", [{"blocks": -1}, {"width": 0}, {"dropout": 1.0}])
def test_refuses_what_cannot_be(wrong):
    (name,) = wrong
    with pytest.raises(ConfigError, match=f"{name} is .* Received: "):
        HardSharing(**wrong)
