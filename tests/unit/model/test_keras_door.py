"""What Keras users expect of a `keras.Model`."""

import keras
import numpy as np
import pytest

import plait
from plait.model import Regime

from .graphs import u_net_with_skips

BACKEND = keras.backend.backend()


@keras.saving.register_keras_serializable(package="tests")
class Quiet(keras.layers.Layer):
    """Asks for small activations through `add_loss`."""

    def call(self, x):
        self.add_loss(0.1 * keras.ops.mean(x**2))
        return x


def graph(quiet=False):
    x = keras.Input((4,), name="x")
    z = keras.layers.Dense(6, activation="tanh", name="z")(x)
    z = Quiet()(z) if quiet else z
    return x, [keras.layers.Dense(1, name="a")(z), keras.layers.Dense(1, name="b")(z)]


def data(rows=16):
    draw = np.random.default_rng(0)
    x = draw.normal(size=(rows, 4)).astype("float32")
    return x, [x[:, :1], -x[:, 1:2]]


def compiled(model, **kwargs):
    model.compile(keras.optimizers.SGD(0.1), loss="mse", **{"balancing": plait.PCGrad(), **kwargs})
    return model


def test_lists_dicts_and_names_mean_the_same():
    x, y = data()
    keras.utils.set_random_seed(0)
    one = compiled(plait.MultiTaskModel(*graph()))
    other = keras.models.clone_model(one)
    other.set_weights(one.get_weights())
    compiled(other)
    one.fit(x, y, batch_size=8, shuffle=False, verbose=0)
    other.fit(x, {"b": y[1], "a": y[0]}, batch_size=8, shuffle=False, verbose=0)
    for ours, theirs in zip(one.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_clone_model_is_a_multi_task_model_and_sees_no_balancer_state():
    model = compiled(plait.MultiTaskModel(*graph()), balancing=plait.FAMO())
    clone = keras.models.clone_model(model)
    assert type(clone) is plait.MultiTaskModel
    clone.set_weights(model.get_weights())
    x, _ = data()
    for ours, theirs in zip(model.predict(x, verbose=0), clone.predict(x, verbose=0), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_add_loss_has_weight_one_under_every_need():
    x, y = data()
    keras.utils.set_random_seed(0)
    start = plait.MultiTaskModel(*graph(quiet=True))

    class Ones(plait.GramianWeighting):
        def weights(self, evidence, context):
            return keras.ops.ones((2,)), []

    found = []
    for balancing in (None, plait.Equal(), Ones(), Ones(level="parameters")):
        model = keras.models.clone_model(start)
        model.set_weights(start.get_weights())
        compiled(model, balancing=balancing)
        logs = model.train_on_batch(x, y, return_dict=True)
        assert logs["loss"] > logs["a_loss"] + logs["b_loss"] + 1e-3
        found.append(model.get_weights())
    for weights in found[1:]:
        for ours, theirs in zip(found[0], weights, strict=True):
            np.testing.assert_allclose(theirs, ours, atol=1e-6)


def test_callbacks_see_and_steer(tmp_path):
    x, y = data()
    model = compiled(plait.MultiTaskModel(*graph()))
    rates = []
    callbacks = [
        keras.callbacks.LearningRateScheduler(lambda epoch: 0.1 / (epoch + 1)),
        keras.callbacks.ModelCheckpoint(
            tmp_path / "best.keras", monitor="val_a_loss", mode="min", save_best_only=True
        ),
        keras.callbacks.EarlyStopping("val_loss", mode="min", patience=0, min_delta=1e9),
        keras.callbacks.LambdaCallback(
            on_epoch_end=lambda e, logs: rates.append(float(model.optimizer.learning_rate))
        ),
    ]
    history = model.fit(
        x, y, validation_data=(x, y), epochs=5, callbacks=callbacks, verbose=0
    ).history
    assert len(history["loss"]) == 2
    np.testing.assert_allclose(rates, [0.1, 0.05], rtol=1e-5)
    assert {"a_loss", "b_loss", "val_a_loss", "a_weight", "conflict_rate"} <= set(history)
    assert "val_a_weight" not in history
    assert type(keras.models.load_model(tmp_path / "best.keras")) is plait.MultiTaskModel


@pytest.mark.parametrize("make", [plait.PCGrad, plait.FAMO, plait.Uncertainty])
def test_steps_per_execution_changes_speed_only(make):
    if BACKEND == "torch":
        with pytest.raises(ValueError, match="steps_per_execution"):
            compiled(plait.MultiTaskModel(*graph()), steps_per_execution=2).fit(*data(), verbose=0)
        return
    x, y = data()
    keras.utils.set_random_seed(0)
    start = plait.MultiTaskModel(*graph())
    found = []
    for steps in (1, 2):
        model = keras.models.clone_model(start)
        model.set_weights(start.get_weights())
        compiled(model, balancing=make(), steps_per_execution=steps)
        model.fit(x, y, batch_size=4, epochs=2, shuffle=False, verbose=0)
        found.append(model.get_weights())
    for ours, theirs in zip(*found, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-6)


def test_an_output_without_a_loss_is_predicted_and_not_balanced():
    x, y = data()
    inputs, outputs = graph()
    shape = keras.layers.Dense(2, name="extra")(outputs[0])
    model = plait.MultiTaskModel(inputs, {"a": outputs[0], "b": outputs[1], "extra": shape})
    model.compile("sgd", loss={"a": "mse", "b": "mse"}, balancing=plait.PCGrad())
    logs = model.train_on_batch(x, {"a": y[0], "b": y[1]}, return_dict=True)
    assert set(logs) == {"loss", "a_loss", "b_loss", "a_weight", "b_weight", "conflict_rate"}
    assert model.predict(x, verbose=0)["extra"].shape == (16, 2)


def test_one_output_is_an_ordinary_model():
    x, y = data()
    inputs, outputs = graph()
    model = plait.MultiTaskModel(inputs, outputs[0])
    model.compile("sgd", loss="mse", metrics=["mae"])
    assert set(model.fit(x, y[0], verbose=0).history) == {"loss", "mae"}


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"loss": {"a": "mse", "bb": "mse"}}, ValueError, "no output 'bb'. Did you mean 'b'"),
        ({"loss": ["mse"]}, ValueError, "one entry for each"),
        ({"loss": {"a": "mse"}}, plait.BalancingError, "needs two outputs"),
        ({"metrics": {"c": ["mae"]}}, ValueError, "no output 'c'"),
        ({"metrics": ["mae", "mae", "mae"]}, ValueError, "one entry for each"),
        ({"loss_weights": {"x": 2}}, ValueError, "no output 'x'"),
        (
            {"optimizer": keras.optimizers.SGD(use_ema=True), "balancing": plait.Uncertainty()},
            plait.BalancingError,
            "use_ema",
        ),
    ],
)
def test_compile_says_what_is_wrong(arguments, error, message):
    model = plait.MultiTaskModel(*graph())
    with pytest.raises(error, match=message):
        model.compile(**{"loss": "mse", "balancing": plait.PCGrad(), **arguments})


def test_fit_says_what_is_wrong():
    x, y = data()
    model = compiled(plait.MultiTaskModel(*graph()))
    with pytest.raises(ValueError, match="no output 'aa'"):
        model.train_on_batch(x, {"aa": y[0], "b": y[1]})
    with pytest.raises(ValueError, match="'b' has a loss but no targets"):
        model.train_on_batch(x, {"a": y[0]})


@pytest.mark.parametrize(
    "nest",
    [
        lambda a, b: {"a": [a, b]},
        lambda a, b: {"a": a, "b": {"c": b}},
        lambda a, b: [a, [b]],
        lambda a, b: [{"a": a}, b],
    ],
)
def test_nested_outputs_are_refused(nest):
    x = keras.Input((2,))
    answers = [keras.layers.Dense(1, name=t)(x) for t in "ab"]
    with pytest.raises(ValueError, match=r"outputs: expected a dict or a flat list of tensors"):
        plait.MultiTaskModel(x, nest(*answers))


def test_a_balancer_belongs_to_one_model():
    balancer = plait.PCGrad()
    compiled(plait.MultiTaskModel(*graph()), balancing=balancer)
    x = keras.Input((4,))
    z = keras.layers.Dense(2)(x)
    other = plait.MultiTaskModel(x, {t: keras.layers.Dense(1)(z) for t in "pq"})
    with pytest.raises(plait.BalancingError, match="of its own"):
        other.compile("sgd", loss="mse", balancing=balancer)


@pytest.mark.parametrize("make", [plait.PCGrad, lambda: plait.CRMOGM(plait.MGDA())])
def test_a_balancer_belongs_to_one_model_of_the_same_tasks(make, tmp_path):
    balancer = make()
    model = compiled(plait.MultiTaskModel(*graph()), balancing=balancer)
    twin = plait.MultiTaskModel(*graph())
    for taken in (balancer, getattr(balancer, "weighting", balancer)):
        with pytest.raises(plait.BalancingError, match="of its own"):
            compiled(twin, balancing=taken)
    # The model itself may be compiled again, saved, loaded and cloned.
    compiled(model, balancing=balancer).fit(*data(), verbose=0)
    model.save(tmp_path / "model.keras")
    for again in (
        keras.saving.load_model(tmp_path / "model.keras"),
        keras.models.clone_model(model),
    ):
        assert type(again.balancing) is type(balancer)
        again.fit(*data(), verbose=0)


def test_modality_dropout_is_a_function_of_the_row_and_keeps_one():
    drop = plait.ModalityDropout(["p", "q"], rate=0.5)
    keys = np.stack([np.arange(4000), np.full(4000, 7)], axis=1).astype("int32")
    there = np.arange(4000) % 4 != 0
    x = {"p__present": np.ones(4000, bool), "q__present": there, "p": np.zeros(4000)}
    out = drop(x, keys)
    p, q = (keras.ops.convert_to_numpy(out[f"{f}__present"]) for f in "pq")
    assert (p | q).all()
    assert p[~there].all()
    assert not q[~there].any()
    # Both are drawn with probability 1/4, and then the one with the larger draw stays: 1/4 + 1/8.
    np.testing.assert_allclose(1 - p[there].mean(), 0.375, atol=0.04)
    order = np.random.default_rng(0).permutation(4000)
    again = drop({k: v[order] for k, v in x.items()}, keys[order])
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(again["p__present"]), p[order])


def test_the_augmentation_stage_sees_the_row_key_and_only_training_does():
    seen = []
    x = {
        "v": keras.Input((2,), name="v"),
        "v__present": keras.Input((), dtype="bool", name="v__present"),
    }
    flag = keras.ops.cast(x["v__present"], "float32")[:, None]
    z = keras.layers.Dense(3)(keras.layers.Concatenate()([x["v"], flag]))
    model = plait.MultiTaskModel(x, {t: keras.layers.Dense(1, name=t)(z) for t in "ab"})
    model.regime = Regime(augment=lambda values, key: (seen.append(tuple(key.shape)), values)[1])
    model.compile("sgd", loss="mse", balancing=plait.PCGrad())
    values = {
        "v": np.ones((4, 2), "float32"),
        "v__present": np.ones(4, bool),
        "row_key": np.zeros((4, 2), "int32"),
    }
    y = {t: np.zeros((4, 1), "float32") for t in "ab"}
    model.train_on_batch(values, y)
    assert seen == [(4, 2)]
    model.evaluate({k: v for k, v in values.items() if k != "row_key"}, y, verbose=0)
    assert seen == [(4, 2)]


def test_a_need_that_no_step_provides_is_refused():
    class Curious(plait.Balancer):
        needs = frozenset({"losses", "grammian"})

        def weights(self, evidence, context):
            raise AssertionError

    with pytest.raises(plait.BalancingError, match=r"needs 'grammian'.*Did you mean 'gramian'"):
        compiled(plait.MultiTaskModel(*graph()), balancing=Curious())


@pytest.mark.parametrize(("balancing", "layer"), [(None, "z"), (plait.PCGrad, "a")])
def test_a_layer_frozen_after_compile_stays_as_it_is(balancing, layer):
    model = compiled(plait.MultiTaskModel(*graph()), balancing=balancing and balancing())
    model.get_layer(layer).trainable = False
    before = {one.name: one.get_weights() for one in model.layers}
    model.fit(*data(), verbose=0)
    for one in model.layers:
        for old, new in zip(before[one.name], one.get_weights(), strict=True):
            assert (old == new).all() == (one.name == layer)


def test_a_layer_that_gives_two_outputs_gives_two_tasks():
    first, second = keras.Input((3,)), keras.Input((3,))
    trunk, head = keras.layers.Dense(4), keras.layers.Dense(1, name="head")
    model = plait.MultiTaskModel([first, second], [head(trunk(first)), head(trunk(second))])
    model.compile("sgd", loss="mse")
    x, y = np.eye(3, dtype="float32"), np.ones((3, 1), "float32")
    logs = model.evaluate([x, -x], [y, 3 * y], verbose=0, return_dict=True)
    assert model.task_names == ["head", "head_1"]
    np.testing.assert_allclose(logs["loss"], logs["head_loss"] + logs["head_1_loss"], rtol=1e-6)


def test_losses_are_logged_without_their_weights_and_compute_loss_is_the_sum():
    model = plait.MultiTaskModel(
        x := keras.Input((3,)), {t: keras.layers.Dense(1)(x) for t in "ab"}
    )
    model.compile("sgd", loss="mse", loss_weights={"a": 10.0, "b": 1.0})
    rows = np.eye(3, dtype="float32")
    y = {t: np.ones((3, 1), "float32") for t in "ab"}
    logs = model.evaluate(rows, y, verbose=0, return_dict=True)
    np.testing.assert_allclose(logs["loss"], 10 * logs["a_loss"] + logs["b_loss"], rtol=1e-6)
    total = model.compute_loss(rows, y, model(rows))
    np.testing.assert_allclose(float(total), logs["loss"], rtol=1e-6)


def test_a_clone_of_a_compiled_model_keeps_what_is_shared():
    x, outputs, _ = u_net_with_skips()
    coarse = keras.Model(x, outputs).get_layer("coarse").output
    model = plait.MultiTaskModel(x, outputs, shared=[coarse])
    model.compile("sgd", loss="mse", balancing=plait.PCGrad())
    clone = keras.models.clone_model(model)
    assert [t._keras_history.operation.name for t in clone.shared] == ["coarse"]


def test_weights_of_another_balancer_leave_the_balancers_state(tmp_path):
    model = compiled(
        plait.MultiTaskModel(*graph()), balancing=plait.Uncertainty(initial_log_variance=0.7)
    )
    model.save_weights(tmp_path / "a.weights.h5")
    other = compiled(plait.MultiTaskModel(*graph()), balancing=plait.MoDo())
    other.load_weights(tmp_path / "a.weights.h5")
    (shares,) = other.balancing.variables
    np.testing.assert_allclose(keras.ops.convert_to_numpy(shares), 1 / shares.shape[0])


def test_an_optimizer_that_moves_other_weights_already_is_refused():
    model, optimizer = plait.MultiTaskModel(*graph()), keras.optimizers.Adam()
    model.compile(optimizer, loss="mse")
    model.fit(*data(), verbose=0)
    with pytest.raises(plait.BalancingError, match="already moves"):
        model.compile(optimizer, loss="mse", balancing=plait.Uncertainty())


def test_a_balancers_name_is_no_balancer():
    with pytest.raises(ValueError, match="balancing: expected an object of a Balancer"):
        compiled(plait.MultiTaskModel(*graph()), balancing="PCGrad")


@pytest.mark.skipif(BACKEND == "torch", reason="torch traces nothing")
def test_the_step_is_traced_once():
    traced = []

    def loss(targets, predictions):
        traced.append(1)
        return keras.ops.mean((targets - predictions) ** 2, axis=-1)

    model, (x, y) = plait.MultiTaskModel(*graph()), data()
    model.compile("adam", loss=[loss, "mse"], balancing=plait.PCGrad())
    # Keras itself asks on JAX for the shapes of what evaluation gives.
    model.evaluate(x, y, verbose=0)
    traced.clear()
    model.fit(x, y, batch_size=8, epochs=2, verbose=0)
    assert len(traced) == 1
