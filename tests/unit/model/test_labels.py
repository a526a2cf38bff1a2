"""A batch with masked or padded rows is the batch without them: loss, gradient and every metric."""

import keras
import numpy as np
import pytest

import plait
from plait.model._losses import read_labels, resolve_loss, row_losses, task_loss

from .again import Start

pytestmark = pytest.mark.backends

BALANCERS = {
    "none": lambda: None,
    "losses": plait.Uncertainty,
    "gramian": plait.PCGrad,
    "parameters": lambda: plait.PCGrad(level="parameters"),
    "losses after": plait.FAMO,
    "further batches": plait.MoDo,
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


def padded(x, y, weight):
    """Four more rows without labels."""

    def pad(a, value):
        return np.concatenate([a, np.full((4, *a.shape[1:]), value, a.dtype)])

    missing = {"kind": -1, "price": np.nan, "seen": np.nan, "grid": -1}
    labels = {task: pad(values, missing[task]) for task, values in y.items()}
    return pad(x, 1e3), labels, {task: pad(weight, 1.0) for task in y}


@pytest.mark.parametrize("make", BALANCERS.values(), ids=BALANCERS)
def test_padded_rows_change_nothing(make):
    x, y = rows(12)
    weight = np.random.default_rng(1).uniform(0.5, 2, 12).astype("float32")
    short, long = model_of(make()), model_of(make())
    short_logs = short.train_on_batch(x, y, dict.fromkeys(y, weight), return_dict=True)
    long_logs = long.train_on_batch(*padded(x, y, weight), return_dict=True)
    assert short_logs.keys() == long_logs.keys()
    for name, value in short_logs.items():
        np.testing.assert_allclose(long_logs[name], value, atol=1e-6, err_msg=name)
    for ours, theirs in zip(short.get_weights(), long.get_weights(), strict=True):
        np.testing.assert_allclose(theirs, ours, atol=1e-6)


def test_padded_rows_change_nothing_in_an_evaluation():
    """In which none of these balancers has a part."""
    x, y = rows(12)
    more, labels, _ = padded(x, y, np.ones(12, "float32"))
    model = model_of()
    tested, other = (
        model.evaluate(*given, verbose=0, return_dict=True) for given in ((x, y), (more, labels))
    )
    for name, value in tested.items():
        np.testing.assert_allclose(other[name], value, atol=1e-6, err_msg=name)


def test_each_task_has_its_own_rows():
    """The loss of a task is that of a batch with its labelled rows alone."""
    x, y = rows(12)
    # Four each, so that the batches without them have one shape.
    gaps = {
        "kind": np.arange(12) < 4,
        "price": np.arange(12) % 3 == 0,
        "seen": np.arange(12) > 7,
        "grid": np.arange(12) // 4 == 1,
    }
    holed = {t: v.astype("float32") for t, v in y.items()}
    for task, where in gaps.items():
        holed[task][where] = -1 if task in ("kind", "grid") else np.nan
    model = model_of()
    logs = model.evaluate(x, holed, verbose=0, return_dict=True)
    for task, where in gaps.items():
        kept = {t: v[~where] for t, v in y.items()}
        alone = model.evaluate(x[~where], kept, verbose=0, return_dict=True)
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


@pytest.mark.parametrize("make", BALANCERS.values(), ids=BALANCERS)
def test_a_row_without_any_label_may_hold_anything(make):
    """Not a number, or none that is finite; in the middle of the batch, too."""
    x, y = rows(12)
    hidden = np.arange(12) % 4 == 1
    weight = np.where(hidden, 0.0, 1.0).astype("float32")
    model, found = model_of(make()), []
    # In an evaluation none of these balancers has a part.
    plain = model.balancing is None
    start = Start(model)
    for value in ([0.0, 0.0, 0.0, 0.0], [np.nan, np.inf, -np.inf, 1e30]):
        start.restore()
        filled = np.where(hidden[:, None], np.float32(value), x)
        logs = model.train_on_batch(filled, y, dict.fromkeys(y, weight), return_dict=True)
        assert np.isfinite(list(logs.values())).all()
        weights = model.get_weights()
        evaluated = model.evaluate(filled, y, sample_weight=weight, verbose=0) if plain else 0.0
        found.append((evaluated, weights))
    (evaluated, weights), (others, other_weights) = found
    np.testing.assert_allclose(others, evaluated, atol=1e-6)
    for ours, theirs in zip(weights, other_weights, strict=True):
        np.testing.assert_allclose(theirs, ours, atol=1e-6)


def test_a_loss_that_is_not_finite_at_the_placeholder_leaves_no_trace():
    x, y = rows(8)
    relative = lambda t, p: keras.ops.mean(keras.ops.abs(t - p) / t, axis=-1)  # noqa: E731
    y["price"][3] = np.nan
    model = model_of()
    model.compile(keras.optimizers.SGD(0.1), loss={"price": relative})
    model.train_on_batch(x, {"price": y["price"]})
    assert all(np.isfinite(w).all() for w in model.get_weights())


@pytest.mark.parametrize("rows_left", [1, 2])
def test_further_batches_of_fewer_rows_than_parts(rows_left):
    x, y = rows(12 + rows_left)
    init = keras.initializers.GlorotUniform(seed=1)
    inputs = keras.Input((4,))
    z = keras.layers.BatchNormalization()(keras.layers.Dense(6, kernel_initializer=init)(inputs))
    outputs = {"price": keras.layers.Dense(2, name="price")(z), "seen": keras.layers.Dense(1)(z)}
    model = plait.MultiTaskModel(inputs, outputs)
    model.compile("sgd", loss="mse", metrics={"price": ["mae"]}, balancing=plait.MoDo())
    logs = model.fit(x, {t: y[t] for t in outputs}, batch_size=12, verbose=0, shuffle=False).history
    assert np.isfinite([v[0] for v in logs.values()]).all()
    assert all(np.isfinite(w).all() for w in model.get_weights())


def test_a_head_with_labels_in_one_part_only_moves_as_far_as_in_a_plain_step():
    x, y = rows(12)
    y["price"][[i for i in range(12) if i % 3]] = np.nan
    moved = []
    for balancing in (None, plait.MoDo()):
        model = model_of(balancing)
        before = model.get_layer("price").get_weights()
        model.train_on_batch(x, y)
        after = model.get_layer("price").get_weights()
        moved.append([a - b for a, b in zip(after, before, strict=True)])
    for plain, ours in zip(*moved, strict=True):
        np.testing.assert_allclose(ours, plain, atol=1e-6)


def test_minus_one_is_missing_whatever_the_loss_is_called():
    x, y = rows(6)
    y["kind"][:2] = -1
    values = []
    for loss in (
        "sparse_categorical_crossentropy",
        keras.losses.SparseCategoricalCrossentropy(name="how_odd"),
        keras.losses.sparse_categorical_crossentropy,
    ):
        model = model_of()
        model.compile("sgd", loss={"kind": loss})
        values.append(model.evaluate(x, {"kind": y["kind"]}, verbose=0))
    np.testing.assert_allclose(values, [values[0]] * 3, rtol=1e-6)


@pytest.mark.parametrize("loss", ["mse", keras.losses.MeanSquaredError()], ids=["name", "object"])
def test_a_step_that_is_missing_of_targets_without_the_last_axis(loss):
    x = np.random.default_rng(0).normal(size=(4, 5, 2)).astype("float32")
    y = x.sum(-1)
    y[:, 2] = np.nan
    inputs = keras.Input((5, 2))
    out = keras.layers.Dense(1, kernel_initializer=keras.initializers.GlorotUniform(seed=1))(inputs)
    model = plait.MultiTaskModel(inputs, {"y": out})
    model.compile("sgd", loss={"y": loss}, metrics={"y": ["mae"]})
    logs = model.evaluate(x, {"y": y}, verbose=0, return_dict=True)
    error = (keras.ops.convert_to_numpy(model(x)["y"])[..., 0] - y)[:, [0, 1, 3, 4]]
    np.testing.assert_allclose(logs["loss"], (error**2).mean(), rtol=1e-5)
    np.testing.assert_allclose(logs["mae"], np.abs(error).mean(), rtol=1e-5)


def test_what_the_loss_ignores_does_not_dilute_it():
    x, y = rows(8)
    losses = []
    for ignored in (None, 2):
        model = model_of()
        loss = keras.losses.SparseCategoricalCrossentropy(ignore_class=ignored)
        model.compile("sgd", loss={"kind": loss})
        kept = slice(None) if ignored else y["kind"] != 2
        losses.append(model.evaluate(x[kept], {"kind": y["kind"][kept]}, verbose=0))
    np.testing.assert_allclose(losses[1], losses[0], rtol=1e-5)


def test_the_outputs_mask_counts_in_training_as_in_evaluation():
    inputs = keras.Input((None,), dtype="int32")
    seen = keras.layers.Embedding(9, 4, mask_zero=True)(inputs)
    out = {t: keras.layers.Dense(3, activation="softmax", name=t)(seen) for t in "ab"}
    model = plait.MultiTaskModel(inputs, out)
    x = np.random.default_rng(0).integers(1, 9, (8, 6))
    x[:, 2:] = 0
    y = {t: np.where(np.arange(6) < 2, x % 3, (x + 1) % 3) for t in "ab"}
    model.compile(
        keras.optimizers.SGD(0.0),
        loss="sparse_categorical_crossentropy",
        metrics={t: ["accuracy"] for t in "ab"},
        balancing=plait.PCGrad(),
    )
    trained = model.train_on_batch(x, y, return_dict=True)
    tested = model.evaluate(x, y, verbose=0, return_dict=True)
    short = model.evaluate(
        x[:, :2], {t: v[:, :2] for t, v in y.items()}, verbose=0, return_dict=True
    )
    for name, value in short.items():
        np.testing.assert_allclose(trained[name], value, rtol=1e-5, err_msg=name)
        np.testing.assert_allclose(tested[name], value, rtol=1e-5, err_msg=name)


def test_rank_one_outputs_and_metrics_of_classes_at_every_place():
    x, _ = rows(6)
    inputs = keras.Input((4,))
    z = keras.layers.Dense(4)(inputs)
    flat = keras.layers.Reshape((), name="flat")(keras.layers.Dense(1)(z))
    place = keras.layers.Activation("sigmoid", name="place")(z)
    model = plait.MultiTaskModel(inputs, {"flat": flat, "place": place})
    iou = keras.metrics.BinaryIoU(target_class_ids=[1], name="iou")
    model.compile(
        "sgd",
        loss={"flat": "mse", "place": "binary_crossentropy"},
        metrics={"flat": ["mae"], "place": [iou]},
    )
    y = {"flat": x[:, 0], "place": (x > 0).astype("float32")}
    y["place"][2] = np.nan
    logs = model.evaluate(x, y, verbose=0, return_dict=True)
    answers = {k: keras.ops.convert_to_numpy(v) for k, v in model(x).items()}
    np.testing.assert_allclose(
        logs["flat_loss"], ((answers["flat"] - x[:, 0]) ** 2).mean(), rtol=1e-5
    )
    known = np.arange(6) != 2
    guess, truth = (answers["place"] > 0.5)[known], (x > 0)[known]
    np.testing.assert_allclose(
        logs["place_iou"], (guess & truth).sum() / (guess | truth).sum(), rtol=1e-5
    )


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


class NearestOf(keras.losses.Loss):
    """How far a row's two targets are from the nearest of its five predictions."""

    takes_rows = True

    def call(self, y_true, y_pred):
        apart = keras.ops.abs(y_true[:, :, None, 0] - y_pred[:, None, :, 0])
        return keras.ops.mean(keras.ops.min(apart, axis=2), axis=1)


def test_a_loss_that_takes_rows_has_places_of_its_own_in_targets_and_predictions():
    x = keras.Input((5,))
    model = plait.MultiTaskModel(x, {"found": keras.layers.Reshape((5, 1))(x)})
    model.compile("sgd", loss={"found": NearestOf()})
    at = np.array([[1, 2, 3, 4, 5]] * 3, "float32")
    targets = np.array([[[1.5], [7.0]], [[2.0], [4.0]], [[9.0], [9.0]]], "float32")
    # (0.5 + 2) / 2 and 0; the third row has no label.
    logs = model.test_on_batch(at, targets, np.array([1, 1, 0], "float32"), return_dict=True)
    assert logs["loss"] == pytest.approx(0.625)
