"""What a step for one task does for another's loss, against the same by hand."""

import keras
import numpy as np
import pytest

import plait
from plait.errors import BalancingError

RATE = 0.05
ROWS = 6
DRAW = np.random.default_rng(0)
X = DRAW.normal(size=(ROWS, 3)).astype("float32")
Y = {name: DRAW.normal(size=(ROWS, 1)).astype("float32") for name in ("a", "b", "c")}


def model():
    keras.utils.set_random_seed(1)
    x = keras.Input((3,), name="x")
    z = keras.layers.Dense(4, name="shared")(x)
    alone = keras.layers.Dense(2, name="alone")(x)
    outputs = {
        "a": keras.layers.Dense(1, name="a")(z),
        "b": keras.layers.Dense(1, name="b")(z),
        "c": keras.layers.Dense(1, name="c")(keras.layers.Concatenate()([z, alone])),
    }
    return plait.MultiTaskModel(x, outputs)


def compiled(made, **arguments):
    arguments = {"balancing": plait.Equal(), "observe_every": 1, "affinity": True, **arguments}
    optimizer = keras.optimizers.SGD(RATE)
    made.compile(optimizer, loss=dict.fromkeys(Y, "mse"), **arguments)
    return made


def by_hand(made, labelled):
    """`{(i, j): Z}`; the shared layer's gradients by the chain rule."""
    kernel, bias = (np.array(v) for v in made.get_layer("shared").get_weights())
    alone, alone_bias = (np.array(v) for v in made.get_layer("alone").get_weights())
    heads = {n: made.get_layer(n).get_weights() for n in Y}

    def loss(name, kernel, bias):
        z = X @ kernel + bias
        if name == "c":
            z = np.concatenate([z, X @ alone + alone_bias], axis=1)
        error = (z @ heads[name][0] + heads[name][1] - Y[name])[labelled[name]]
        return float(np.mean(error**2)), error

    found = {}
    for i in Y:
        rows = labelled[i]
        _, error = loss(i, kernel, bias)
        outer = 2 * error / max(1, rows.sum()) @ heads[i][0][:4].T
        moved = kernel - RATE * X[rows].T @ outer, bias - RATE * outer.sum(0)
        for j in Y:
            before, after = loss(j, kernel, bias)[0], loss(j, *moved)[0]
            found[i, j] = 1 - after / before
    return found


@pytest.mark.backends
def test_it_is_what_a_step_for_each_task_does_to_each_loss():
    made = compiled(model())
    wanted = by_hand(made, {name: np.ones(ROWS, bool) for name in Y})
    history = made.fit(X, Y, batch_size=ROWS, epochs=1, verbose=0, shuffle=False).history
    for (i, j), value in wanted.items():
        np.testing.assert_allclose(history[f"affinity_{i}_on_{j}"][0], value, rtol=2e-3, atol=1e-5)
    # What the tasks share is all that moves: no task undoes itself.
    assert all(wanted[n, n] > 0 for n in Y)


@pytest.mark.backends
def test_the_step_itself_is_the_same_with_it_and_without():
    weights = []
    for affinity in (True, False):
        made = compiled(model(), affinity=affinity)
        made.fit(X, Y, batch_size=3, epochs=2, verbose=0, shuffle=False)
        weights.append(made.get_weights())
    for one, other in zip(*weights, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)


def test_a_task_without_labels_does_nothing_and_is_told_nothing():
    labels = {**Y, "b": np.full((ROWS, 1), np.nan, "float32")}
    made = compiled(model())
    there = {name: np.full(ROWS, name != "b") for name in Y}
    wanted = by_hand(made, there | {"b": np.ones(ROWS, bool)})
    history = made.fit(X, labels, batch_size=ROWS, epochs=1, verbose=0, shuffle=False).history
    for i, j in wanted:
        value = history[f"affinity_{i}_on_{j}"][0]
        if "b" in (i, j):
            assert np.isnan(value)
        else:
            np.testing.assert_allclose(value, wanted[i, j], rtol=2e-3, atol=1e-5)


def test_it_is_measured_in_the_batches_that_look_alone():
    made = compiled(model(), observe_every=4)
    history = made.fit(X, Y, batch_size=1, epochs=2, verbose=0, shuffle=False).history
    assert np.isfinite(history["affinity_a_on_b"]).all()
    without = compiled(model(), affinity=False)
    assert not [
        name
        for name in without.fit(X, Y, batch_size=3, verbose=0).history
        if name.startswith("affinity")
    ]


def test_a_balancer_that_looks_at_gradients_is_refused():
    with pytest.raises(BalancingError, match="looks at losses alone, such as Equal"):
        compiled(model(), balancing=plait.UPGrad())


def test_it_is_part_of_what_compiles_the_model_again(tmp_path):
    made = compiled(model())
    made.fit(X, Y, batch_size=ROWS, epochs=1, verbose=0)
    made.save(tmp_path / "m.keras")
    again = keras.models.load_model(tmp_path / "m.keras")
    assert again.get_compile_config()["affinity"] is True
    history = again.fit(X, Y, batch_size=ROWS, epochs=1, verbose=0).history
    assert "affinity_a_on_b" in history
