"""Nets that compute in half precision: gradients are compared, and added, in float32."""

import contextlib
import functools

import keras
import numpy as np
import pytest

import plait

from .ways import COMPARING, WAYS, assert_same, batches, distance, trained, weights_of

WIDTH = 2049
"""No float16 or bfloat16."""


@contextlib.contextmanager
def computing_in(policy):
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


@functools.cache
def stepped(policy, way=None, rate=0.05):
    optimizer = keras.optimizers.SGD(rate)
    if policy == "mixed_float16":
        # Keras' own scale would overflow in the first steps, which are then skipped.
        optimizer = keras.optimizers.LossScaleOptimizer(optimizer, initial_scale=2.0**8)
    with computing_in(policy):
        return weights_of(trained(way, optimizer, batches(2)))


def near(way):
    """The other comparing ways take a step in bfloat16 below."""
    often = way not in COMPARING or way in ("gramian", "rows")
    return pytest.param(way, "mixed_bfloat16", marks=() if often else pytest.mark.long)


@pytest.mark.parametrize(
    ("way", "policy"), [*((way, "mixed_float16") for way in WAYS), *map(near, WAYS)]
)
def test_a_step_stays_near_the_plain_one(way, policy):
    found, atol = stepped(policy, way), 0.04 if policy == "mixed_bfloat16" else 0.004
    assert_same(found, stepped(policy), atol)
    assert_same(found, stepped("float32"), atol)
    assert distance(found, stepped("float32", rate=0.0)) > 0.3


# What is added in float32 is cast from either.
@pytest.mark.parametrize(
    ("way", "policy"),
    [*((way, "mixed_bfloat16") for way in COMPARING), ("gramian", "mixed_float16")],
)
def test_the_inner_products_are_float32(way, policy):
    """Each number of z has the gradients 1/32 and 1/16 of a and b, in each of three rows."""
    with computing_in(policy):
        x = keras.Input((1,), name="x")
        z = keras.layers.Dense(WIDTH, use_bias=False, kernel_initializer="zeros")(x)
        answers = {
            t: keras.layers.Dense(1, use_bias=False, kernel_initializer="ones", name=t)(z)
            for t in "ab"
        }
        model = plait.MultiTaskModel(x, answers)
        balancing = COMPARING[way]()
        model.compile(keras.optimizers.SGD(0.0), loss="mse", balancing=balancing)
    rows = np.ones((3, 1), "float32")
    model.train_on_batch(rows, {"a": -3 / 64 * rows, "b": -3 / 32 * rows})
    products = np.outer([1 / 32, 1 / 16], [1 / 32, 1 / 16]) * WIDTH
    expected = products * (9 if balancing.level == "parameters" else 3)
    np.testing.assert_allclose(keras.ops.convert_to_numpy(balancing.seen), expected, rtol=1e-6)
