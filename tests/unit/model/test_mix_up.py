"""Rows that are made of two: what the model sees, and what each label counts for."""

import keras
import numpy as np
import pytest

import plait
from plait.model import MixUp, MultiTaskModel, Regime

pytestmark = pytest.mark.backends
ROWS = 16
NAMES = ("a", "b")


def numpy(value):
    return keras.ops.convert_to_numpy(value)


def tensors(nest):
    return keras.tree.map_structure(keras.ops.convert_to_tensor, nest)


def keys(rows=ROWS, start=0):
    return np.stack([np.arange(rows) + start, 7 * np.arange(rows)], axis=1).astype("int32")


def data(seed=0):
    """Inputs with gaps and a few labels missing in each output."""
    draw = np.random.default_rng(seed)
    x = {name: draw.normal(size=(ROWS, 2)).astype("float32") for name in NAMES}
    x |= {f"{name}__present": draw.random(ROWS) < 0.85 for name in NAMES}
    y = {"y": draw.normal(size=(ROWS, 1)), "c": draw.integers(0, 2, (ROWS, 1))}
    y = {name: values.astype("float32") for name, values in y.items()}
    weights = {name: (draw.random(ROWS) < 0.7) * draw.uniform(1, 2, ROWS) for name in y}
    return x, y, {name: w.astype("float32") for name, w in weights.items()}


def model(balancing=None):
    keras.utils.set_random_seed(0)
    x = {name: keras.Input((2,), name=name) for name in NAMES}
    x |= {
        f"{name}__present": keras.Input((), name=f"{name}__present", dtype="bool") for name in NAMES
    }
    z = keras.layers.Dense(3, activation="tanh", name="z")(
        keras.layers.Concatenate(name="both")([x[name] for name in NAMES])
    )
    out = {"y": keras.layers.Dense(1, name="y")(z)}
    out["c"] = keras.layers.Dense(1, activation="sigmoid", name="c")(z)
    made = MultiTaskModel(x, out)
    made.compile(
        keras.optimizers.SGD(0.0),
        loss={"y": "mse", "c": "binary_crossentropy"},
        balancing=balancing,
    )
    made.regime = Regime(mix=MixUp(NAMES, 0.4))
    return made


def mixed(x, y, weights, key=None):
    """What `MixUp` makes of them, as arrays."""
    labels = {name: (y[name], weights[name]) for name in y}
    labelled = np.any([w > 0 for w in weights.values()], axis=0)
    key = keys(len(labelled)) if key is None else key
    given = tensors((x, x, labels, labelled, key))
    return keras.tree.map_structure(numpy, MixUp(NAMES, 0.4)(*given))


def by_hand(made, x, y, weights):
    """Each output's loss by the formula, row by row."""
    labelled = np.any([w > 0 for w in weights.values()], axis=0)
    inputs, labels = mixed(x, y, weights)
    said = made.predict(inputs, verbose=0)
    share = np.ones(ROWS)
    for name in y:
        there = weights[name] > 0
        share[there] = (labels[name].own[1] / np.where(there, weights[name], 1))[there]
    order = np.flatnonzero(labelled)
    found = {}
    for name in y:
        loss = total = 0.0
        for place, row in enumerate(order):
            other = order[(place + 1) % len(order)]
            for n, part in ((row, share[row]), (other, 1 - share[row])):
                target, p = y[name][n, 0], said[name][row, 0]
                cost = (p - target) ** 2
                if name == "c":
                    cost = -np.log(p if target else 1 - p)
                loss += part * weights[name][n] * cost
                total += part * weights[name][n]
        found[name] = loss / total
    return found


@pytest.mark.parametrize("balancing", [None, "UPGrad", "MoDo"])
def test_a_steps_losses_are_those_of_both_labels_by_their_shares(balancing):
    x, y, weights = data()
    made = model(None if balancing is None else getattr(plait, balancing)())
    expected = by_hand(made, x, y, weights)
    given = {**x, "row_key": keys()}
    history = made.fit(given, y, sample_weight=weights, batch_size=ROWS, shuffle=False, verbose=0)
    for name, loss in expected.items():
        assert history.history[f"{name}_loss"][0] == pytest.approx(loss, rel=1e-4)


def test_rows_are_mixed_with_the_next_labelled_one_that_has_the_same_features():
    x, y, weights = data()
    weights = {name: np.where(np.arange(ROWS) == 3, 0, w) for name, w in weights.items()}
    inputs, labels = mixed(x, y, weights)
    labelled = np.any([w > 0 for w in weights.values()], axis=0)
    order = np.flatnonzero(labelled)
    flags = np.stack([x[f"{name}__present"] for name in NAMES], axis=1)
    changed = np.any([inputs[name] != x[name] for name in NAMES], axis=(0, 2))
    for place, row in enumerate(order):
        other = order[(place + 1) % len(order)]
        assert changed[row] == ((flags[row] == flags[other]).all() and flags[row].any())
        if changed[row]:
            part = (inputs["a"] - x["a"][other])[row] / (x["a"][row] - x["a"][other])
            assert 0.5 <= part.min() <= 1
            both = part[0] * x["b"][row] + (1 - part[0]) * x["b"][other]
            np.testing.assert_allclose(inputs["b"][row], both, rtol=1e-4, atol=1e-5)
            other_weight = labels["y"].other[1][row]
            assert other_weight == pytest.approx((1 - part[0]) * weights["y"][other], abs=1e-5)
            assert labels["y"].other[0][row] == y["y"][other]
        else:
            assert labels["y"].own[1][row] == weights["y"][row]
            assert labels["y"].other[1][row] == 0
    assert changed.sum() > ROWS / 4
    assert not changed[~labelled].any()


def test_padding_changes_nothing_and_evaluation_mixes_nothing():
    x, y, weights = data()

    def padded(values):
        more = np.full((5, *values.shape[1:]), np.nan if values.dtype == np.float32 else 0)
        return np.concatenate([values, more.astype(values.dtype)])

    given = {**x, "row_key": keys()}
    longer = {name: padded(values) for name, values in given.items()}
    targets = {name: padded(values) for name, values in y.items()}
    none = {n: np.concatenate([w, np.zeros(5, "float32")]) for n, w in weights.items()}

    def loss(x, y, weights):
        rows = len(x["row_key"])
        how = {"batch_size": rows, "shuffle": False, "verbose": 0}
        return model().fit(x, y, sample_weight=weights, **how).history["loss"][0]

    assert loss(longer, targets, none) == pytest.approx(loss(given, y, weights), rel=1e-6)
    made = model()
    plain = made.evaluate(x, y, sample_weight=weights, batch_size=ROWS, verbose=0)
    made.regime = Regime()
    assert made.evaluate(x, y, sample_weight=weights, batch_size=ROWS, verbose=0) == plain


def test_the_share_is_a_function_of_the_rows_key_and_follows_the_beta_distribution():
    rows, alpha = 4000, 0.4
    x = {"a": np.eye(2, dtype="float32")[np.arange(rows) % 2], "a__present": np.ones(rows, bool)}

    def shares(part):
        some = {name: values[part] for name, values in x.items()}
        ones = np.ones(len(some["a"]), "float32")
        given = tensors((some, some, {"y": (ones, ones)}, ones > 0, keys(rows)[part]))
        return numpy(MixUp(["a"], alpha)(*given)[1]["y"].own[1])

    whole = shares(slice(None))
    np.testing.assert_array_equal(shares(slice(100, 140)), whole[100:140])
    drawn = np.random.default_rng(0).beta(alpha, alpha, 100_000)
    expected = np.quantile(np.maximum(drawn, 1 - drawn), [0.1, 0.5, 0.9])
    np.testing.assert_allclose(np.quantile(whole, [0.1, 0.5, 0.9]), expected, atol=0.02)


def test_pictures_stay_whole_numbers_and_a_mixed_sound_is_as_long_as_the_longer():
    draw = np.random.default_rng(0)
    photo = draw.integers(0, 256, (8, 4, 5, 3)).astype("uint8")
    call, length = np.ones((8, 10), "float32"), np.arange(2, 10).astype("int32")
    x = {"photo": photo, "call": call, "call__length": length}
    x |= {f"{name}__present": np.ones(8, bool) for name in ("photo", "call")}
    labels = {"y": (np.zeros(8, "float32"), np.ones(8, "float32"))}
    given = tensors((x, x, labels, np.ones(8, bool), keys(8)))
    found, known = keras.tree.map_structure(numpy, MixUp(["photo", "call"], 1.0)(*given))
    share, after = known["y"].own[1], np.roll(np.arange(8), -1)
    assert found["photo"].dtype == np.uint8
    part = share[:, None, None, None]
    expected = part * photo + (1 - part) * photo[after]
    np.testing.assert_allclose(found["photo"], expected, atol=0.51)
    np.testing.assert_array_equal(found["call__length"], np.maximum(length, length[after]))
    step = np.arange(10)[None, :]
    there = [step < size[:, None] for size in (length, length[after])]
    expected = share[:, None] * there[0] + (1 - share[:, None]) * there[1]
    np.testing.assert_allclose(found["call"], expected, atol=1e-6)
