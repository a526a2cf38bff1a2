import random

import keras
import numpy as np
import pytest

from plait.inference._fresh_state import in_fresh_state


def dense():
    layer = keras.layers.Dense(3)
    layer.build((None, 2))
    return layer


def test_names_and_weights_depend_on_the_seed_alone():
    one = in_fresh_state(dense, seed=1)
    dense()
    random.random()
    two = in_fresh_state(dense, seed=1)
    other = in_fresh_state(dense, seed=2)
    assert one.kernel.path == two.kernel.path == "dense/kernel"
    values = [keras.ops.convert_to_numpy(layer.kernel) for layer in (one, two, other)]
    np.testing.assert_array_equal(values[0], values[1])
    assert (values[0] != values[2]).all()


def test_the_callers_draws_go_on_as_if_nothing_had_been_built():
    keras.utils.set_random_seed(5)
    alone = random.random(), keras.ops.convert_to_numpy(keras.random.normal((2,)))
    keras.utils.set_random_seed(5)
    in_fresh_state(lambda: (dense(), keras.random.normal((2,))), seed=0)
    beside = random.random(), keras.ops.convert_to_numpy(keras.random.normal((2,)))
    assert alone[0] == beside[0]
    np.testing.assert_array_equal(alone[1], beside[1])


def test_the_callers_precision_holds():
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        assert in_fresh_state(dense, seed=0).compute_dtype == "bfloat16"
    finally:
        keras.config.set_dtype_policy(before)


def test_a_failure_is_the_callers_and_leaves_its_random_state():
    random.seed(3)
    expected = random.random()
    random.seed(3)

    def fail():
        raise KeyError("x")

    with pytest.raises(KeyError):
        in_fresh_state(fail, seed=0)
    assert random.random() == expected
