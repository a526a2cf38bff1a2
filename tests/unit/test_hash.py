import keras
import numpy as np

from plait._hash import hash_int32, name_key, normal, uniform


def reference(*words):
    """The same hash in NumPy's unsigned arithmetic."""

    def mix(x):
        x = x ^ (x >> np.uint32(16))
        x = x * np.uint32(0x7FEB352D)
        x = x ^ (x >> np.uint32(15))
        x = x * np.uint32(0x846CA68B)
        return x ^ (x >> np.uint32(16))

    with np.errstate(over="ignore"):
        state = np.uint32(0x9E3779B9)
        for word in words:
            state = mix(state ^ np.asarray(word).astype("int64").astype("uint32"))
    return state


def test_is_the_reference_on_every_backend():
    numbers = np.array([0, 1, -1, 2**31 - 1, -(2**31), 123456789], "int32")
    ours = keras.ops.convert_to_numpy(hash_int32(17, numbers, name_key("season")))
    theirs = reference(17, numbers, name_key("season")).astype("int64")
    np.testing.assert_array_equal(ours.astype("int64") % 2**32, theirs)


def test_is_uniform_and_independent_of_its_neighbour():
    draws = keras.ops.convert_to_numpy(uniform(3, np.arange(20_000, dtype="int32")))
    assert 0 <= draws.min() < draws.max() < 1
    counts, _ = np.histogram(draws, bins=20, range=(0, 1))
    assert ((counts - 1000) ** 2 / 1000).sum() < 43.8  # chi-square, 19 degrees, p = 0.001
    assert abs(np.corrcoef(draws[:-1], draws[1:])[0, 1]) < 0.03


def test_normal_numbers_are_spread_as_they_should():
    draws = keras.ops.convert_to_numpy(normal(7, np.arange(20_000, dtype="int32")))
    np.testing.assert_allclose([draws.mean(), draws.std()], [0, 1], atol=0.02)
    shares = [(np.abs(draws) < bound).mean() for bound in (1, 2, 3)]
    np.testing.assert_allclose(shares, [0.6827, 0.9545, 0.9973], atol=0.01)
