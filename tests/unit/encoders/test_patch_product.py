import keras
import numpy as np
import pytest

from plait.encoders import ImageConv
from plait.encoders._patch_product import patch_product


def convolution(size, stride, shape):
    keras.utils.set_random_seed(0)
    conv = keras.layers.Conv2D(
        5,
        size,
        strides=stride,
        padding="same",
        bias_initializer="random_normal",
        data_format="channels_last",
    )
    conv.build(shape)
    return conv, np.random.default_rng(0).normal(size=shape).astype("float32")


@pytest.mark.parametrize(
    ("height", "width", "size", "stride"),
    [(64, 64, 6, 4), (33, 30, 6, 4), (28, 28, 4, 2), (9, 7, 4, 4), (5, 3, 5, 4), (2, 2, 6, 4)],
)
def test_it_is_the_convolution(height, width, size, stride):
    conv, x = convolution(size, stride, (2, height, width, 3))
    wanted, given = (keras.ops.convert_to_numpy(y) for y in (conv(x), patch_product(conv, x)))
    np.testing.assert_allclose(given, wanted, atol=1e-5)


@pytest.mark.skipif(keras.backend.backend() != "jax", reason="the other backends convolve")
def test_its_gradient_is_the_convolutions():
    import jax

    conv, x = convolution(6, 4, (2, 18, 21, 3))

    def loss(weights, product):
        with keras.StatelessScope(list(zip(conv.weights, weights, strict=True))):
            return (patch_product(conv, x) if product else conv(x)).var()

    weights = [w.value for w in conv.weights]
    for ours, theirs in zip(*(jax.grad(loss)(weights, p) for p in (True, False)), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-5)


def test_it_computes_in_the_encoders_precision():
    encoder = ImageConv(8, channels=(4, 8), blocks=0, dtype="mixed_bfloat16")
    x = np.random.default_rng(0).normal(size=(2, 16, 16, 3)).astype("float32")
    found = encoder(x)["maps"][-1]
    assert keras.backend.standardize_dtype(found.dtype) == "bfloat16"
    theirs = keras.ops.convert_to_numpy(keras.ops.cast(encoder.steps[0](x), "float32"))
    ours = keras.ops.convert_to_numpy(keras.ops.cast(found, "float32"))
    np.testing.assert_allclose(ours, theirs, atol=0.05)
