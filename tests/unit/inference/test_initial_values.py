import keras
import numpy as np
import pytest

from plait.inference._initial_values import make_variables

KERNEL = (3, 3, 64, 96)
FLAT = (300, 200)
BIASES = (20_000,)
GOLDEN = np.float32([[-0.07638124, -0.18090501], [-0.3356249, -0.64334893]])


def made(initializer, shape):
    layer = keras.layers.Layer()
    with keras.StatelessScope(initialize_variables=False):
        weight = layer.add_weight(shape=shape, initializer=initializer)
    make_variables([weight])
    return keras.ops.convert_to_numpy(weight)


@pytest.mark.parametrize("shape", [KERNEL, FLAT, BIASES], ids=len)
@pytest.mark.parametrize(
    "initializer",
    [
        "glorot_uniform",
        "glorot_normal",
        "he_normal",
        "lecun_uniform",
        keras.initializers.VarianceScaling(0.5, "fan_out", "untruncated_normal", seed=3),
        keras.initializers.RandomNormal(2.0, 0.1, seed=4),
        keras.initializers.TruncatedNormal(1.0, 0.3, seed=5),
        keras.initializers.RandomUniform(-1.0, 3.0, seed=6),
        "zeros",
        "ones",
        keras.initializers.Constant(0.1),
    ],
    ids=lambda i: i if isinstance(i, str) else type(i).__name__,
)
def test_values_are_spread_as_keras_spreads_them(initializer, shape):
    ours = made(initializer, shape)
    theirs = keras.ops.convert_to_numpy(keras.initializers.get(initializer)(shape))
    assert ours.dtype == theirs.dtype == np.float32
    assert ours.shape == shape
    unit = float(theirs.std())
    assert ours.mean() == pytest.approx(theirs.mean(), abs=0.1 * unit)
    assert ours.std() == pytest.approx(unit, rel=0.05)
    for share in (0.02, 0.1, 0.4, 0.9, 0.98):
        theirs_there = float(np.quantile(theirs, share))
        assert np.quantile(ours, share) == pytest.approx(theirs_there, abs=0.15 * unit)


def test_the_cut_is_at_two_standard_deviations():
    values = made(keras.initializers.TruncatedNormal(0.0, 1.0, seed=1), (100_000,))
    assert 1.99 < np.abs(values).max() <= 2
    assert values.std() == pytest.approx(0.8796, rel=0.01)


def test_axes_that_go_in_and_come_out_may_be_named():
    named = keras.initializers.VarianceScaling(seed=1)
    named.input_axes, named.output_axes = (0, 1), (2,)
    assert made(named, (20, 30, 50)).std() == pytest.approx((1 / 600) ** 0.5, rel=0.05)


@pytest.mark.parametrize("shape", [(8, 8), (4, 32), (32, 4), (2, 3, 5)], ids=str)
def test_orthogonal_matrices_are(shape):
    matrix = made(keras.initializers.Orthogonal(gain=2.0, seed=1), shape).reshape(-1, shape[-1])
    if len(matrix) < shape[-1]:
        matrix = matrix.T
    np.testing.assert_allclose(matrix.T @ matrix, 4 * np.eye(matrix.shape[1]), atol=1e-5)


def test_the_same_on_every_backend():
    drawn = made(keras.initializers.GlorotUniform(seed=7), (2, 2))
    np.testing.assert_allclose(drawn, GOLDEN, rtol=1e-6)


def test_seeds_are_taken_as_keras_takes_them():
    drawn = [made(keras.initializers.GlorotUniform(seed=s), (2, 2)) for s in (-1, 2**32 - 1, 1)]
    np.testing.assert_array_equal(drawn[0], drawn[1])
    assert (drawn[0] != drawn[2]).any()


def test_initializers_of_the_users_own_are_asked():
    class Ramp(keras.initializers.RandomNormal):
        def __call__(self, shape, dtype=None):
            return keras.ops.arange(shape[0], dtype=dtype)

    np.testing.assert_array_equal(made(Ramp(), (3,)), [0, 1, 2])
    np.testing.assert_array_equal(
        made(lambda shape, dtype: keras.ops.ones(shape) * 5, (2,)), [5, 5]
    )


def test_a_shared_generator_moves_on():
    generator = keras.random.SeedGenerator(1)
    normal = keras.initializers.RandomNormal(seed=generator)
    assert (made(normal, (3,)) != made(normal, (3,))).all()
