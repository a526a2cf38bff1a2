import keras
import numpy as np
import pytest

from plait.encoders._patch_conv import PatchConv


@pytest.mark.backends
@pytest.mark.parametrize(
    ("height", "width", "size", "stride"),
    [(64, 64, 6, 4), (33, 30, 6, 4), (28, 28, 4, 2), (9, 7, 4, 4), (5, 3, 5, 4), (2, 2, 6, 4)],
)
def test_it_is_the_convolution(height, width, size, stride):
    options = {"strides": stride, "padding": "same", "bias_initializer": "random_normal"}
    options["data_format"] = "channels_last"
    ours, theirs = PatchConv(5, size, **options), keras.layers.Conv2D(5, size, **options)
    x = np.random.default_rng(0).normal(size=(2, height, width, 3)).astype("float32")
    for layer in (ours, theirs):
        layer.build(x.shape)
    ours.set_weights(theirs.get_weights())
    wanted, given = (keras.ops.convert_to_numpy(layer(x)) for layer in (theirs, ours))
    assert given.shape == ours.compute_output_shape(x.shape)
    np.testing.assert_allclose(given, wanted, atol=1e-5)
