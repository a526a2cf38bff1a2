"""The quick convolution is Keras' own, forwards and backwards."""

import keras
import numpy as np
import pytest
from keras import ops

from plait._convolution import Conv2D
from plait.backend import depthwise, vjp
from plait.encoders import ImageConv
from tests.programs import built, called, program


def pair(filters, size, x, **how):
    """Ours and Keras' own, with the same weights."""
    found = []
    for kind in (Conv2D, keras.layers.Conv2D):
        keras.utils.set_random_seed(0)
        conv = kind(
            filters, size, bias_initializer="random_normal", data_format="channels_last", **how
        )
        conv.build(x.shape)
        found.append(conv)
    return found


def answer_and_gradients(conv, x, cotangent=None):
    def run(x, weights):
        with keras.StatelessScope(list(zip(conv.weights, weights, strict=True))):
            return conv(x), None

    @program
    def found(x, weights, cotangent):
        y, pullback, _ = vjp(run, x, weights)
        of_x, of_weights = pullback(cotangent)
        return [y, of_x, *of_weights]

    if cotangent is None:
        shape = conv.compute_output_shape(x.shape)
        cotangent = np.random.default_rng(1).normal(size=shape).astype("float32")
    given = x, [ops.convert_to_numpy(w) for w in conv.weights], cotangent
    return [
        ops.convert_to_numpy(value)
        for value in found(*keras.tree.map_structure(ops.convert_to_tensor, given))
    ]


@pytest.mark.parametrize(
    ("shape", "filters", "size", "how"),
    [
        pytest.param((3, 16, 13, 5), 4, 3, {}, id="3 x 3"),
        pytest.param((5, 45, 60, 24), 32, 3, {}, id="more than fits in a turn, and one row over"),
        pytest.param((2, 31, 30, 5), 4, 3, {"strides": 2}, id="every second place, odd and even"),
        pytest.param((2, 71, 67, 6), 4, 5, {"strides": 4, "padding": "valid"}, id="cut"),
        pytest.param((2, 16, 15, 5), 4, (3, 2), {"dilation_rate": 2}, id="taps apart"),
        pytest.param((2, 16, 15, 5), 4, (5, 1), {"dilation_rate": (3, 1)}, id="rows alone"),
        pytest.param((2, 7, 9, 6), 4, 1, {}, id="a product"),
        pytest.param((2, 33, 30, 6), 4, 1, {"strides": 2}, id="a product of every second"),
        pytest.param((2, 64, 61, 3), 5, 6, {"strides": 4}, id="patches"),
        pytest.param((2, 28, 28, 1), 5, 4, {"strides": 2}, id="patches of one channel"),
        pytest.param((2, 9, 7, 3), 5, 4, {"strides": 4}, id="patches that do not overlap"),
        pytest.param((2, 5, 3, 3), 5, 5, {"strides": 4}, id="patches beyond the picture"),
        pytest.param((2, 50, 21, 1), 5, 5, {"strides": 4, "padding": "valid"}, id="patches, cut"),
        pytest.param((2, 3, 2, 6), 4, 4, {}, id="larger than the picture"),
    ],
)
def test_it_is_keras_own(shape, filters, size, how):
    x = np.random.default_rng(0).normal(size=shape).astype("float32")
    ours, theirs = pair(filters, size, x, **{"padding": "same", **how})
    for found, wanted in zip(
        answer_and_gradients(ours, x), answer_and_gradients(theirs, x), strict=True
    ):
        np.testing.assert_allclose(found, wanted, atol=1e-5 * np.abs(wanted).max())


@pytest.mark.skipif(keras.backend.backend() != "jax", reason="the other backends have Keras' own")
@pytest.mark.parametrize("batch", [1, 5, 11])
def test_any_number_of_rows_is_taken_in_turns_of_few(batch, monkeypatch):
    from plait.backend import _jax_convolution

    x = np.random.default_rng(0).normal(size=(batch, 14, 15, 6)).astype("float32")
    # Three rows a turn.
    monkeypatch.setattr(_jax_convolution, "_BYTES", 3 * 14 * 15 * 3 * 4 * 4)
    taken, some = [], _jax_convolution._of_some
    monkeypatch.setattr(
        _jax_convolution, "_of_some", lambda x, *rest: taken.append(len(x)) or some(x, *rest)
    )
    ours, theirs = pair(4, 3, x, padding="same")
    for found, wanted in zip(
        answer_and_gradients(ours, x), answer_and_gradients(theirs, x), strict=True
    ):
        np.testing.assert_allclose(found, wanted, atol=1e-5 * np.abs(wanted).max())
    assert max(taken) == min(batch, 3)


@pytest.mark.skipif(keras.backend.backend() != "jax", reason="the other backends have Keras' own")
def test_its_gradient_has_a_gradient():
    import jax

    x = np.random.default_rng(0).normal(size=(2, 16, 15, 5)).astype("float32")
    found = []
    for conv in pair(4, 3, x, padding="same"):
        kernel = conv.kernel.value

        def steepness(kernel, conv=conv):
            def loss(kernel):
                return (conv.convolution_op(jax.numpy.asarray(x), kernel) ** 2).mean()

            return (jax.grad(loss)(kernel) ** 2).sum()

        found.append(np.asarray(jax.jit(jax.grad(steepness))(kernel)))
    np.testing.assert_allclose(found[0], found[1], rtol=1e-3, atol=1e-5 * np.abs(found[1]).max())


@pytest.mark.skipif(keras.backend.backend() != "jax", reason="the other backends sum their way")
def test_half_precision_sums_in_float32():
    keras.utils.set_random_seed(0)
    x = np.ones((16, 20, 20, 6), "float32")
    conv = Conv2D(4, 3, padding="same", dtype="mixed_bfloat16")
    conv.build(x.shape)
    ones = ops.cast(np.ones((16, 20, 20, 4), "float32"), "bfloat16")
    *_, of_kernel, _ = answer_and_gradients(conv, ops.cast(x, "bfloat16"), ones)
    # 6,400 ones: what adds them in bfloat16 stays at 256.
    np.testing.assert_allclose(of_kernel[1, 1], 16 * 20 * 20, rtol=0.01)


def test_the_encoder_computes_in_its_precision():
    encoder = ImageConv(8, channels=(4, 8), blocks=0, dtype="mixed_bfloat16")
    x = np.random.default_rng(0).normal(size=(2, 16, 16, 3)).astype("float32")
    found = called(built(encoder, x), x)["maps"][-1]
    assert keras.backend.standardize_dtype(found.dtype) == "bfloat16"
    full = ImageConv(8, channels=(4, 8), blocks=0)
    full.build(x.shape)
    full.set_weights(encoder.get_weights())
    wanted = ops.convert_to_numpy(called(full, x)["maps"][-1])
    np.testing.assert_allclose(ops.convert_to_numpy(ops.cast(found, "float32")), wanted, atol=0.05)


@pytest.mark.backends
@pytest.mark.parametrize(
    ("shape", "size"),
    [
        ((3, 9, 12, 5), (7, 7)),
        ((2, 2, 1, 3), (7, 7)),
        ((2, 6, 5, 4), (1, 3)),
        ((1, 8, 8, 1), (5, 3)),
    ],
)
def test_each_channel_by_itself_is_what_it_says(shape, size):
    rng = np.random.default_rng(0)
    x, kernel = (rng.normal(size=s).astype("float32") for s in (shape, (*size, shape[-1])))
    cotangent = rng.normal(size=shape).astype("float32")

    @program
    def answer(x, kernel, cotangent):
        y, pullback, _ = vjp(lambda x, kernel: (depthwise(x, kernel), None), x, kernel)
        return [y, *pullback(cotangent)]

    given = map(ops.convert_to_tensor, (x, kernel, cotangent))
    found = [ops.convert_to_numpy(value) for value in answer(*given)]
    _, height, width, _ = shape
    above, left = size[0] // 2, size[1] // 2
    pads = ((0, 0), (above, above), (left, left), (0, 0))
    padded, of_padded = np.pad(x, pads), np.zeros_like(np.pad(x, pads))
    wanted, of_kernel = np.zeros_like(x), np.zeros_like(kernel)
    for i in range(size[0]):
        for j in range(size[1]):
            seen = np.s_[:, i : i + height, j : j + width]
            wanted += padded[seen] * kernel[i, j]
            of_padded[seen] += cotangent * kernel[i, j]
            of_kernel[i, j] = (padded[seen] * cotangent).sum((0, 1, 2))
    of_x = of_padded[:, above : above + height, left : left + width]
    for ours, theirs in zip(found, (wanted, of_x, of_kernel), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-4)
