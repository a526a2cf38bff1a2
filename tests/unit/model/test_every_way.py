"""What Keras does in a training step, it does on every way through ours."""

import functools

import keras
import numpy as np
import pytest

import plait
from plait._hash import uniform
from plait._keyed import row_keys

from .ways import COMPARING, WAYS, WEIGHTS, assert_same, batches, net, trained, weights_of

BACKEND = keras.backend.backend()
IN_ONE_PASS = [way for way in WAYS if not way.startswith("cross-")]


@functools.cache
def plain(count=4, **how):
    return trained(None, keras.optimizers.SGD(0.1), batches(count), **how)


def state_of(model):
    """Batch statistics and seeds."""
    return [keras.ops.convert_to_numpy(v) for v in model.non_trainable_variables]


def test_a_plain_step_is_that_of_keras():
    """With which the steps of all ways are compared; where no label is missing."""
    x, y, _ = batches()
    y = {task: np.nan_to_num(labels) for task, labels in y.items()}
    models = []
    for kind in (keras.Model, plait.MultiTaskModel):
        model = kind(*net(dropout=True))
        losses = dict.fromkeys(WEIGHTS, "mse")
        model.compile(keras.optimizers.SGD(0.1), loss=losses, loss_weights=WEIGHTS)
        model.fit(x, y, batch_size=12, shuffle=False, verbose=0)
        models.append(model)
    assert_same(*map(weights_of, models), atol=1e-5)
    assert_same(*map(state_of, models), atol=1e-6)


@functools.cache
def several(way, **how):
    """Three steps an execution, where the backend knows them: on JAX of the program of one step."""
    each = 1 if BACKEND == "torch" else 3
    return trained(way, keras.optimizers.SGD(0.1), batches(), steps_per_execution=each, **how)


@pytest.mark.parametrize("way", IN_ONE_PASS)
def test_dropout_and_batch_statistics_are_those_of_a_plain_step(way):
    """One mask for all tasks and statistics of one forward, however often a way runs the trunk."""
    ours = several(way, dropout=True)
    theirs = plain(dropout=True)
    assert_same(weights_of(ours), weights_of(theirs), atol=1e-5)
    assert_same(state_of(ours), state_of(theirs), atol=1e-6)


def test_batch_statistics_are_of_each_of_a_cross_gramians_three_batches():
    inputs, outputs = net()
    model = plait.MultiTaskModel(inputs, outputs)
    model.compile(keras.optimizers.SGD(0.0), loss="mse", balancing=WAYS["cross-gramian"]())
    x, y, _ = batches(1)
    hidden = keras.Model(inputs, model.layers[1].output).predict(x, verbose=0)
    model.train_on_batch(x, y)
    norm = next(n for n in model.layers if isinstance(n, keras.layers.BatchNormalization))
    kept = norm.momentum**3
    np.testing.assert_allclose(
        keras.ops.convert_to_numpy(norm.moving_mean), (1 - kept) * hidden.mean(axis=0), atol=1e-6
    )


@pytest.mark.parametrize("way", COMPARING)
def test_tasks_that_are_one_have_one_gradient(way):
    """Of the same weights and labels: dropout is the same for both, and another in the next step."""
    x = keras.Input((4,), name="x")
    first = keras.layers.Dense(
        8, activation="tanh", kernel_initializer=keras.initializers.GlorotUniform(seed=1)
    )
    z = keras.layers.Dropout(0.5, seed=5)(first(x))
    heads = {t: keras.layers.Dense(1, kernel_initializer="ones", name=t)(z) for t in "ab"}
    model = plait.MultiTaskModel(x, heads)
    balancing = COMPARING[way]()
    model.compile(keras.optimizers.SGD(0.0), loss="mse", balancing=balancing)
    rows, seen = np.random.default_rng(0).normal(size=(12, 4)).astype("float32"), []
    for _ in range(3):
        model.train_on_batch(rows, dict.fromkeys("ab", rows[:, :1] + 2))
        seen.append(keras.ops.convert_to_numpy(balancing.seen).copy())
        np.testing.assert_allclose(seen[-1], seen[-1][0, 0], rtol=1e-5)
    # The second is no step in which weights are taken now and then.
    # (Of different rows, as a cross-Gramian's are, a product may be below 0.)
    assert abs(seen[2] - seen[0]).max() > 1e-3 * abs(seen[0]).max() > 0


@pytest.mark.parametrize("way", WAYS)
def test_several_steps_an_execution_are_the_same_steps(way):
    if BACKEND == "torch":
        with pytest.raises(ValueError, match="steps_per_execution"):
            trained(way, keras.optimizers.SGD(0.1), batches(), steps_per_execution=3)
    else:
        dropout = way in IN_ONE_PASS
        ours, theirs = several(way, dropout=dropout), plain(dropout=dropout)
        assert_same(weights_of(ours), weights_of(theirs), atol=1e-5)


# On JAX what is not compiled is what is compiled, an operation at a time: some of them tell.
NOT_COMPILED = ("losses", "gramian at parameters of some rows", "rows")


@pytest.mark.parametrize(
    "way",
    [
        pytest.param(
            w, marks=pytest.mark.long if BACKEND == "jax" and w not in NOT_COMPILED else ()
        )
        for w in WAYS
    ],
)
def test_compiled_or_not_by_the_backends_compiler_it_is_the_same_step(way):
    """All other tests run what is Keras' default: compiled on JAX, not compiled elsewhere."""
    other = trained(way, keras.optimizers.SGD(0.1), batches(2), jit_compile=BACKEND != "jax")
    assert_same(weights_of(other), weights_of(plain(2)), atol=1e-5)


@pytest.mark.skipif(BACKEND != "tensorflow", reason="see plait.backend.read of TensorFlow")
@pytest.mark.parametrize("way", ["gramian at parameters of some rows", "cross-gramian"])
def test_tensorflow_reads_a_weight_once_a_step(way):
    """So no pass can read one that the optimizer has moved already."""
    import tensorflow as tf

    model = trained(way, keras.optimizers.SGD(0.1), batches(1))
    x, y, _ = keras.tree.map_structure(tf.convert_to_tensor, batches(1))
    graph = tf.function(model.train_step).get_concrete_function((x, y)).graph
    inside = {id(outside): tensor for outside, tensor in graph.captures}
    for variable in model.trainable_variables:
        uses = [op.type for op in inside[id(variable.value.handle)].consumers()]
        assert sorted(uses) == ["AssignSubVariableOp", "ReadVariableOp"]


class Drawing(keras.layers.Layer):
    """Gives each row what its key draws, and 0 without keys."""

    def call(self, x):
        keys = row_keys()
        return 0 * x[:, :1] + (0 if keys is None else uniform(keys[:, 0], keys[:, 1])[:, None])


# Those that take the whole batch, again after the step, some of its rows, parts, and features alone.
PASSES = [
    lambda: None,
    WAYS["losses after"],
    WAYS["gramian at parameters of some rows"],
    WAYS["cross-gramian"],
    plait.UnimodalLosses,
]


@pytest.mark.backends
@pytest.mark.parametrize("balancing", PASSES)
def test_layers_draw_by_the_keys_of_the_rows_that_they_see(balancing):
    ones = {"kernel_initializer": "ones", "bias_initializer": "zeros"}
    inputs, seen = {}, []
    for name in "uv":
        inputs[name] = keras.Input((4,), name=name)
        inputs[f"{name}__present"] = keras.Input((), dtype="bool", name=f"{name}__present")
        there = keras.ops.cast(inputs[f"{name}__present"], "float32")[:, None]
        seen.append(there * keras.layers.Dense(1, **ones)(Drawing()(inputs[name])))
    z = seen[0] + seen[1]
    model = plait.MultiTaskModel(
        inputs, {t: keras.layers.Dense(1, name=t, **ones)(z) for t in "ab"}
    )
    model.compile(keras.optimizers.SGD(0.0), loss="mse", balancing=balancing())
    x = {name: np.ones(12 if "__" in name else (12, 4), "float32") for name in inputs}
    keys = np.arange(24, dtype="int32").reshape(12, 2)
    y = 2 * keras.ops.convert_to_numpy(uniform(keys[:, 0], keys[:, 1]))[:, None]
    right, wrong = (
        model.train_on_batch({**x, "row_key": key}, dict.fromkeys("ab", y), return_dict=True)[
            "loss"
        ]
        for key in (keys, keys + 1)
    )
    assert right < 1e-9
    assert wrong > 1e-3
    # Out of the step there are none.
    assert (keras.ops.convert_to_numpy(model({**x, "row_key": keys})["a"]) == 0).all()
