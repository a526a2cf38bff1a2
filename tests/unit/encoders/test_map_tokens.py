import numpy as np
from keras import ops

from plait.encoders._map_tokens import MapTokens


def test_the_first_token_is_of_the_largest_values():
    layer = MapTokens(3)
    x = np.random.default_rng(0).normal(size=(2, 4, 5, 6)).astype("float32")
    tokens = ops.convert_to_numpy(layer(x))
    assert tokens.shape == (2, 21, 3)
    after = np.maximum(0, x.reshape(2, 20, 6) + ops.convert_to_numpy(layer.places))
    for dense, values, found in (
        (layer.whole, after.max(1, keepdims=True), tokens[:, :1]),
        (layer.project, after, tokens[:, 1:]),
    ):
        kernel, bias = (ops.convert_to_numpy(v) for v in (dense.kernel, dense.bias))
        np.testing.assert_allclose(found, values @ kernel + bias, atol=1e-5)
