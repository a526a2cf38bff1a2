"""What a step finds of the gradients of different parts of a batch."""

import keras
import numpy as np
import pytest

import plait
from plait.balancing import CrossGramianWeighting


class Both(CrossGramianWeighting):
    """Keeps the cross-Gramian's product with some weights, from either source."""

    needs = frozenset({"cross_gramian", "cross_product"})

    def build(self, tasks):
        super().build(tasks)
        self.found = [
            keras.Variable(np.zeros(len(tasks), "float32"), trainable=False) for _ in range(2)
        ]

    @property
    def variables(self):
        return self.found if self.tasks else []

    def weights(self, evidence, context):
        weights = keras.ops.cast(context.active, "float32") * np.array([0.5, 0.2, 0.3], "float32")
        self.found[0].assign((evidence.gramian @ weights[:, None])[:, 0])
        self.found[1].assign(evidence.cross_product(weights))
        return weights, []


def dense(x):
    return keras.layers.Dense(8, activation="tanh")(x)


def convolved(x):
    z = keras.layers.Reshape((4, 3))(x)
    z = keras.layers.Conv1D(5, 2, activation="relu")(z)
    return keras.layers.Flatten()(keras.layers.BatchNormalization()(z))


def recurrent(x):
    return keras.layers.GRU(6)(keras.layers.Reshape((4, 3))(x))


def attentive(x):
    z = keras.layers.Reshape((4, 3))(x)
    z = keras.layers.MultiHeadAttention(2, 4)(z, z)
    return keras.layers.Flatten()(keras.layers.LayerNormalization()(z))


def fitted(trunk, tied=False, policy="float32", missing=False):
    keras.utils.set_random_seed(0)
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        x = keras.Input((12,))
        z = trunk(x)
        last = keras.layers.Dense(4, activation="tanh")
        heads = {t: last(z) if tied else keras.layers.Dense(4, activation="tanh")(z) for t in "abc"}
        heads = {t: keras.layers.Dense(1, dtype="float32", name=t)(h) for t, h in heads.items()}
        balancer = Both()
        model = plait.MultiTaskModel(x, heads)
        model.compile("sgd", loss="mse", balancing=balancer)
    finally:
        keras.config.set_dtype_policy(before)
    draw = np.random.default_rng(0)
    labels = {t: draw.normal(size=(18, 1)).astype("float32") for t in "abc"}
    if missing:
        labels["b"][5:] = np.nan
    data = draw.normal(size=(18, 12)).astype("float32")
    model.fit(data, labels, batch_size=18, epochs=1, verbose=0, shuffle=False)
    return [keras.ops.convert_to_numpy(v) for v in balancer.found]


@pytest.mark.parametrize("trunk", [dense, convolved, recurrent, attentive])
@pytest.mark.parametrize("tied", [False, True])
def test_a_product_is_that_of_the_cross_gramian(trunk, tied):
    expected, found = fitted(trunk, tied)
    assert np.abs(expected).min() > 0
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5 * np.abs(expected).max())


def test_a_product_in_float16_is_that_of_the_cross_gramian():
    expected, found = fitted(dense, policy="mixed_float16")
    np.testing.assert_allclose(found, expected, rtol=2e-2, atol=1e-2 * np.abs(expected).max())


def test_a_product_is_that_of_the_cross_gramian_where_labels_are_missing():
    expected, found = fitted(dense, missing=True)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5 * np.abs(expected).max())
