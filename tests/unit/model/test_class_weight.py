"""`class_weight` for a model of several outputs."""

import keras
import numpy as np
import pytest

import plait

WEIGHTS = {"kind": {0: 0.5, 2: 4.0}, "seen": {1: 3.0}, "grid": {0: 0.0, 1: 2.0}}
BALANCERS = {"none": lambda: None, "gramian": plait.PCGrad, "further batches": plait.MoDo}


def model_of(balancing=None):
    dense = lambda units, seed, **k: keras.layers.Dense(  # noqa: E731
        units, kernel_initializer=keras.initializers.GlorotUniform(seed=seed), **k
    )
    x = keras.Input((4,), name="x")
    z = dense(6, 1, activation="tanh")(x)
    outputs = {
        "kind": dense(3, 2, activation="softmax", name="kind")(z),
        "seen": dense(1, 3, activation="sigmoid", name="seen")(z),
        "grid": keras.layers.Reshape((3, 2), name="grid")(dense(6, 4)(z)),
        "price": dense(1, 5, name="price")(z),
    }
    losses = {
        "kind": "crossentropy",
        "seen": "binary_crossentropy",
        "grid": keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        "price": "mse",
    }
    model = plait.MultiTaskModel(x, outputs)
    model.compile(
        keras.optimizers.SGD(0.5),
        loss=losses,
        weighted_metrics={"kind": ["accuracy"]},
        balancing=balancing,
    )
    return model


def rows(count=12):
    """Inputs and targets; some labels are missing."""
    draw = np.random.default_rng(0)
    x = draw.normal(size=(count, 4)).astype("float32")
    y = {
        "kind": draw.integers(0, 3, count),
        "seen": draw.integers(0, 2, (count, 1)).astype("float32"),
        "grid": draw.integers(0, 2, (count, 3)),
        "price": x[:, :1],
    }
    y["kind"][3], y["seen"][5], y["grid"][6, 1] = -1, np.nan, -1
    return x, y


def by_hand(y):
    """The weights of the labels' classes."""
    weigh = lambda name: np.vectorize(lambda c: WEIGHTS[name].get(c, 1.0), otypes=["float32"])  # noqa: E731
    return {
        "kind": weigh("kind")(y["kind"]),
        "seen": weigh("seen")(y["seen"][:, 0]),
        "grid": weigh("grid")(y["grid"]),
    }


def same(model, other):
    for ours, theirs in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-6)


class Batches(keras.utils.PyDataset):
    def __len__(self):
        return 1

    def __getitem__(self, _):
        return rows()


@pytest.mark.parametrize("make", BALANCERS.values(), ids=BALANCERS)
def test_a_class_weight_is_a_sample_weight_of_the_labels_of_that_class(make):
    x, y = rows()
    expected = model_of(make())
    logs = expected.train_on_batch(x, y, by_hand(y), return_dict=True)
    found = model_of(make())
    found_logs = found.train_on_batch(x, y, class_weight=WEIGHTS, return_dict=True)
    same(found, expected)
    for name, value in logs.items():
        np.testing.assert_allclose(found_logs[name], value, rtol=1e-5, err_msg=name)
    plain = model_of(make())
    plain.train_on_batch(x, y)
    assert any(
        abs(a - b).max() > 1e-2
        for a, b in zip(plain.get_weights(), expected.get_weights(), strict=True)
    )


@pytest.mark.parametrize("kind", ["arrays", "dataset", "generator"])
def test_it_goes_with_data_of_every_kind(kind):
    data = {"arrays": rows(), "dataset": (Batches(),), "generator": ((rows() for _ in range(2)),)}
    expected, found = model_of(), model_of()
    expected.train_on_batch(*rows(), by_hand(rows()[1]))
    found.fit(*data[kind], steps_per_epoch=1, class_weight=WEIGHTS, verbose=0)
    same(found, expected)


def test_one_hot_targets_and_sample_weights():
    x, y = rows()
    sample = np.random.default_rng(1).uniform(0.5, 2, 12).astype("float32")
    one_hot = {**y, "kind": np.eye(3, dtype="float32")[y["kind"]]}
    one_hot["kind"][3] = np.nan
    weights = {"kind": sample, "grid": sample[:, None]}
    expected, found = model_of(), model_of()
    hand = by_hand(y)
    expected.train_on_batch(
        x, y, {**hand, "kind": hand["kind"] * sample, "grid": hand["grid"] * sample[:, None]}
    )
    found.train_on_batch(x, one_hot, weights, WEIGHTS)
    same(found, expected)


def test_it_is_over_with_the_call():
    x, y = rows()
    once, never = model_of(), model_of()
    start = never.get_weights()
    once.fit(x, y, class_weight=WEIGHTS, verbose=0)
    once.set_weights(start)
    for model in (once, never):
        model.fit(x, y, verbose=0)
    same(once, never)


def test_a_model_of_one_output_needs_no_name():
    x, y = rows()
    found = []
    for weights in (WEIGHTS["kind"], {"kind": WEIGHTS["kind"]}):
        model = plait.MultiTaskModel(
            x_in := keras.Input((4,)), {"kind": keras.layers.Dense(3)(x_in)}
        )
        model.set_weights([np.eye(4, 3), np.zeros(3)])
        model.compile("sgd", loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True))
        model.fit(x, y["kind"], class_weight=weights, verbose=0)
        found.append(model)
    same(*found)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({0: 1.0, 1: 5.0}, "expected weights by class for an output's name"),
        ({"kind": 2.0}, "expected weights by class"),
        ({"kind": {"cat": 2.0}}, "expected weights by class"),
        ({"kindd": {0: 2.0}}, "no output 'kindd'. Did you mean 'kind'"),
    ],
)
def test_it_says_what_is_wrong(given, message):
    with pytest.raises(ValueError, match=message):
        model_of().fit(*rows(), class_weight=given, verbose=0)
