"""A batch with masked or padded rows is the batch without them: loss, gradient and every metric."""

import keras
import numpy as np
import pytest

import plait
from plait.model._losses import read_labels, resolve_loss, row_losses, task_loss

pytestmark = pytest.mark.backends

BALANCERS = {
    "none": lambda: None,
    "losses": plait.Uncertainty,
    "gramian": plait.PCGrad,
    "parameters": lambda: plait.PCGrad(level="parameters"),
    "losses after": plait.FAMO,
}


def model_of(balancing=None):
    init = lambda s: keras.initializers.GlorotUniform(seed=s)  # noqa: E731
    x = keras.Input((4,), name="x")
    z = keras.layers.Dense(6, activation="tanh", kernel_initializer=init(1))(x)
    kind = keras.layers.Dense(3, activation="softmax", kernel_initializer=init(2), name="kind")(z)
    price = keras.layers.Dense(2, kernel_initializer=init(3), name="price")(z)
    seen = keras.layers.Dense(1, activation="sigmoid", kernel_initializer=init(4), name="seen")(z)
    grid = keras.layers.Dense(6, kernel_initializer=init(5))(z)
    grid = keras.layers.Reshape((3, 2), name="grid")(grid)
    outputs = {"kind": kind, "price": price, "seen": seen, "grid": grid}
    model = plait.MultiTaskModel(x, outputs)
    model.compile(
        keras.optimizers.SGD(0.1),
        loss={
            "kind": "sparse_categorical_crossentropy",
            "price": "mse",
            "seen": keras.losses.BinaryCrossentropy(),
            "grid": keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        },
        metrics={"kind": ["accuracy"], "price": ["mae"], "grid": ["accuracy"]},
        weighted_metrics={
            "kind": ["accuracy", keras.metrics.TopKCategoricalAccuracy(2, name="top2")][:1],
            "seen": ["accuracy", keras.metrics.AUC(name="auc")],
            "price": [keras.metrics.R2Score(name="r2")],
        },
        balancing=balancing,
    )
    return model


def rows(count, seed=0):
    draw = np.random.default_rng(seed)
    x = draw.normal(size=(count, 4)).astype("float32")
    y = {
        "kind": draw.integers(0, 3, count),
        "price": draw.normal(size=(count, 2)).astype("float32"),
        "seen": draw.integers(0, 2, (count, 1)).astype("float32"),
        "grid": draw.integers(0, 2, (count, 3)),
    }
    return x, y


@pytest.mark.parametrize("make", BALANCERS.values(), ids=BALANCERS)
def test_padded_rows_change_nothing(make):
    x, y = rows(12)
    weight = np.random.default_rng(1).uniform(0.5, 2, 12).astype("float32")
    short, long = model_of(make()), model_of(make())
    pad = lambda a, v: np.concatenate([a, np.full((4, *a.shape[1:]), v, a.dtype)])  # noqa: E731
    padded = {
        "kind": pad(y["kind"], -1),
        "price": pad(y["price"], np.nan),
        "seen": pad(y["seen"], np.nan),
        "grid": pad(y["grid"], -1),
    }
    short_logs = short.train_on_batch(x, y, dict.fromkeys(y, weight), return_dict=True)
    long_logs = long.train_on_batch(
        pad(x, 1e3), padded, {t: pad(weight, 1.0) for t in y}, return_dict=True
    )
    assert short_logs.keys() == long_logs.keys()
    for name, value in short_logs.items():
        np.testing.assert_allclose(long_logs[name], value, atol=1e-6, err_msg=name)
    for ours, theirs in zip(short.get_weights(), long.get_weights(), strict=True):
        np.testing.assert_allclose(theirs, ours, atol=1e-6)
    tested = [
        m.evaluate(*d, verbose=0, return_dict=True)
        for m, d in ((short, (x, y)), (short, (pad(x, 1e3), padded)))
    ]
    for name, value in tested[0].items():
        np.testing.assert_allclose(tested[1][name], value, atol=1e-6, err_msg=name)


def test_each_task_has_its_own_rows():
    """The loss of a task is that of a batch with its labelled rows alone."""
    x, y = rows(12)
    gaps = {
        "kind": np.arange(12) < 3,
        "price": np.arange(12) % 2 == 0,
        "seen": np.arange(12) > 9,
        "grid": np.arange(12) == 5,
    }
    holed = {t: v.astype("float32") for t, v in y.items()}
    for task, where in gaps.items():
        holed[task][where] = -1 if task in ("kind", "grid") else np.nan
    logs = model_of().evaluate(x, holed, verbose=0, return_dict=True)
    for task, where in gaps.items():
        kept = {t: v[~where] for t, v in y.items()}
        alone = model_of().evaluate(x[~where], kept, verbose=0, return_dict=True)
        for name in (n for n in alone if n.startswith(task)):
            np.testing.assert_allclose(logs[name], alone[name], atol=2e-6, err_msg=name)


def test_a_dense_label_with_holes_is_the_mean_over_the_rest():
    loss = resolve_loss(keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    logits = np.random.default_rng(0).normal(size=(2, 4, 3)).astype("float32")
    targets = np.array([[0, 1, -1, 2], [-1, -1, -1, -1]])
    labels = read_labels(targets, keras.ops.convert_to_tensor(logits), None, -1)
    values, weights = row_losses(loss, labels, keras.ops.convert_to_tensor(logits))
    p = np.exp(logits[0]) / np.exp(logits[0]).sum(-1, keepdims=True)
    expected = -np.log([p[0, 0], p[1, 1], p[3, 2]]).mean()
    np.testing.assert_allclose(keras.ops.convert_to_numpy(values), [expected, 0], rtol=1e-5)
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(weights), [1, 0])
    mean, total = task_loss(values, weights)
    np.testing.assert_allclose(float(mean), expected, rtol=1e-5)
    assert float(total) == 1


def test_minus_one_is_a_number_where_the_loss_is_of_numbers():
    x, y = rows(6)
    y["price"][:] = -1.0
    logs = model_of().evaluate(x, y, verbose=0, return_dict=True)
    assert logs["price_loss"] > 0
    assert logs["price_mae"] > 0


def test_a_loss_for_the_whole_batch_is_refused():
    model = plait.MultiTaskModel(x := keras.Input((2,)), {"a": keras.layers.Dense(1)(x)})
    model.compile("sgd", loss={"a": lambda t, p: keras.ops.mean((t - p) ** 2)})
    with pytest.raises(ValueError, match="one value a row"):
        model.train_on_batch(np.zeros((3, 2)), {"a": np.zeros((3, 1))})


def test_an_epoch_counts_rows_not_batches():
    x, y = rows(10)
    model = model_of()
    whole = model.evaluate(x, y, batch_size=10, verbose=0, return_dict=True)
    uneven = model.evaluate(x, y, batch_size=8, verbose=0, return_dict=True)
    for name, value in whole.items():
        np.testing.assert_allclose(uneven[name], value, rtol=1e-4, atol=1e-5, err_msg=name)
