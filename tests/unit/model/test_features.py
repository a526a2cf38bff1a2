"""Steps of balancers that weigh features, against a model with an output for every feature alone."""

import functools

import keras
import numpy as np
import pytest

import plait
from plait.balancing import Evidence
from plait.balancing.modality._gradient_blending import blend
from plait.errors import BalancingError

from .again import Start

FEATURES = {"image": 6, "sound": 4}
RATE = 0.1


def init(seed):
    return keras.initializers.GlorotUniform(seed=seed)


def network(explicit=False, features=FEATURES):
    """Two tasks that read all features; with `explicit`, outputs `<task>_<feature>` beside them.

    Encoders are shut off by their flags, so that an absent one gets no gradient.
    """
    inputs, encoded = {}, {}
    for n, (name, width) in enumerate(features.items()):
        inputs[name] = keras.Input((width,), name=name)
        inputs[f"{name}__present"] = keras.Input((), dtype="bool", name=f"{name}__present")
        layer = keras.layers.Dense(
            5, activation="tanh", kernel_initializer=init(n), name=f"{name}_encoder"
        )
        encoded[name] = layer(inputs[name])
    trunk = keras.layers.Dense(7, activation="tanh", kernel_initializer=init(8), name="trunk")
    drop = keras.layers.Dropout(0.2, seed=5)
    heads = {
        "kind": keras.layers.Dense(3, kernel_initializer=init(9), name="kind_head"),
        "price": keras.layers.Dense(1, kernel_initializer=init(10), name="price_head"),
    }

    def answers(only=None):
        read = []
        for name, z in encoded.items():
            there = keras.ops.cast(inputs[f"{name}__present"], "float32")
            there = there if only in (None, name) else keras.ops.zeros_like(there)
            read.append(z * keras.ops.expand_dims(there, -1))
        z = trunk(keras.layers.Concatenate()(read))
        z = z if explicit else drop(z)
        return {task: head(z) for task, head in heads.items()}

    outputs = answers()
    if explicit:
        for name in features:
            outputs |= {f"{task}_{name}": answer for task, answer in answers(name).items()}
    return inputs, outputs


def data(rows=24, features=FEATURES):
    """Rows that miss features and labels here and there."""
    draw = np.random.default_rng(0)
    x = {n: draw.normal(size=(rows, width)).astype("float32") for n, width in features.items()}
    first, second = list(x)[:2]
    y = {
        "kind": (x[first][:, 0] > 0).astype("int32") + (x[second][:, 0] > 0),
        "price": x[first][:, 1:2] + x[second][:, 1:2],
    }
    y["kind"][::5] = -1
    y["price"][1::7] = np.nan
    for n, name in enumerate(features):
        x[f"{name}__present"] = np.arange(rows) % 4 != n
    return x, y


def losses(names):
    def kind():
        return keras.losses.SparseCategoricalCrossentropy(from_logits=True)

    return {name: kind() if name.startswith("kind") else "mse" for name in names}


def without_dropout(model):
    for layer in model.layers:
        if isinstance(layer, keras.layers.Dropout):
            layer.rate = 0.0
    return model


def moved(balancing, steps=1):
    """How far a balanced model moves."""
    inputs, outputs = network()
    model = without_dropout(plait.MultiTaskModel(inputs, outputs))
    model.compile(keras.optimizers.SGD(RATE), loss=losses(outputs), balancing=balancing)
    return moves_of(model, *data(), steps)


def moved_by(outputs, steps=1, alone=1.0):
    """How far an explicit one does by the losses of some outputs: those of the others have no label."""
    model, start = explicit(alone)
    start.restore()
    x, y = data()
    y = {name: y[name.split("_")[0]] for name in model.output}
    counted = dict.fromkeys(y, np.zeros(24, "float32"))
    counted |= dict.fromkeys(JOINT.keys() & set(outputs), np.ones(24, "float32"))
    counted |= {
        n: x[f"{n.split('_')[1]}__present"].astype("float32") for n in ALONE if n in outputs
    }
    return moves_of(model, x, y, steps, sample_weight=counted)


@functools.cache
def explicit(alone):
    """Compiled, with its start; a feature's own losses weigh `alone`."""
    inputs, outputs = network(explicit=True)
    model = without_dropout(plait.MultiTaskModel(inputs, outputs))
    weights = {**JOINT, **dict.fromkeys(ALONE, alone)}
    model.compile(keras.optimizers.SGD(RATE), loss=losses(outputs), loss_weights=weights)
    return model, Start(model)


def moves_of(model, x, y, steps, **fit):
    before = named(model)
    model.fit(x, y, batch_size=24, epochs=steps, shuffle=False, verbose=0, **fit)
    return {name: value - before[name] for name, value in named(model).items()}


def named(model):
    return {
        "/".join(w.path.split("/")[-2:]): keras.ops.convert_to_numpy(w)
        for w in model.trainable_weights
    }


def of(name, moves):
    return np.concatenate([moves[k].ravel() for k in sorted(moves) if k.startswith(name)])


JOINT = {"kind": 1.0, "price": 1.0}
ALONE = {f"{task}_{name}": 1.0 for task in JOINT for name in FEATURES}


def test_a_feature_alone_is_the_model_with_the_others_absent():
    inputs, outputs = network()
    model = plait.MultiTaskModel(inputs, outputs)
    model.compile("sgd", loss=losses(outputs), balancing=plait.UnimodalLosses())
    x, y = data()
    told = model.evaluate(x, y, batch_size=7, verbose=0, return_dict=True)
    for name in FEATURES:
        hidden = {f"{n}__present": np.zeros(24, bool) for n in FEATURES if n != name}
        answers = model.predict({**x, **hidden}, verbose=0)
        rows = x[f"{name}__present"] & ~np.isnan(y["price"][:, 0])
        errors = (answers["price"] - y["price"])[rows] ** 2
        np.testing.assert_allclose(told[f"price_loss_{name}"], errors.mean(), rtol=1e-4)
        rows = x[f"{name}__present"] & (y["kind"] >= 0)
        logits = answers["kind"][rows].astype("float64")
        shares = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
        right = -np.log(shares[np.arange(len(shares)), y["kind"][rows]])
        np.testing.assert_allclose(told[f"kind_loss_{name}"], right.mean(), rtol=1e-4)


@pytest.mark.parametrize("weight", [1.0, 0.3])
def test_unimodal_losses_are_losses_of_the_same_model(weight):
    ours = moved(plait.UnimodalLosses(weight), steps=3)
    plain = moved_by({**JOINT, **ALONE}, steps=3, alone=weight)
    for name, value in plain.items():
        np.testing.assert_allclose(ours[name], value, atol=1e-5, err_msg=name)


def test_mmpareto_moves_each_encoder_along_its_own_combination():
    ours = moved(plait.MMPareto(gamma=1.5))
    joint = moved_by(JOINT)
    everything = moved_by({**JOINT, **ALONE})
    for name in FEATURES:
        alone = moved_by([f"{task}_{name}" for task in JOINT])
        a, b = of(f"{name}_encoder", joint), of(f"{name}_encoder", alone)
        part = 0.5 if a @ b > 0 else (b @ b - a @ b) / ((a - b) @ (a - b))
        expected = part * a + (1 - part) * b
        expected *= 1.5 * np.linalg.norm(a + b) / np.linalg.norm(expected)
        np.testing.assert_allclose(of(f"{name}_encoder", ours), expected, rtol=1e-3, atol=1e-6)
    for name in ("trunk", "kind_head", "price_head"):
        np.testing.assert_allclose(of(name, ours), of(name, everything), atol=1e-6)


@pytest.mark.parametrize(
    ("gramian", "expected"),
    [
        # a = (1 + 1) / (4 + 2 + 1), and the move is sqrt(7) / 2 times too short.
        ([[4, -1], [-1, 1]], [4 / 7 * 7**0.5 / 2, 10 / 7 * 7**0.5 / 2]),
        ([[4, 1], [1, 1]], [1, 1]),
        ([[4, 0], [0, 0]], [1, 1]),
        ([[0, 0], [0, 4]], [1, 1]),
        ([[4, -4], [-4, 4]], [0, 0]),
    ],
    ids=["against", "agreeing", "none alone", "none together", "opposed"],
)
def test_mmpareto_scales(gramian, expected):
    gramians = keras.ops.convert_to_tensor(np.array([gramian], "float32"))
    found = plait.MMPareto(gamma=2.0).encoder_scales(
        Evidence(None, feature_gramians=gramians), None
    )
    np.testing.assert_allclose(keras.ops.convert_to_numpy(found)[0], 2 * np.array(expected), 1e-5)


@pytest.mark.parametrize("alpha", [0.1, 0.6])
def test_ogm_slows_the_encoder_of_the_feature_that_answers_better(alpha):
    ours = moved(plait.OGMGE(alpha, enhancement=False))
    plain = moved_by(JOINT)
    x, y = data()
    start = without_dropout(plait.MultiTaskModel(*network()))
    sums = []
    for name in FEATURES:
        hidden = {f"{n}__present": np.zeros(24, bool) for n in FEATURES if n != name}
        logits = start.predict({**x, **hidden}, verbose=0)["kind"]
        rows = x[f"{name}__present"] & (y["kind"] >= 0)
        shares = np.exp(logits[rows]) / np.exp(logits[rows]).sum(-1, keepdims=True)
        sums.append(shares[np.arange(rows.sum()), y["kind"][rows]].mean())
    ratios = {"image": sums[0] / sums[1], "sound": sums[1] / sums[0]}
    scales = {n: 1 - np.tanh(alpha * r) if r > 1 else 1.0 for n, r in ratios.items()}
    assert min(scales.values()) < 0.95
    for name, value in plain.items():
        scale = scales.get(name.split("_")[0], 1.0)
        np.testing.assert_allclose(ours[name], scale * value, atol=1e-6, err_msg=name)


def test_the_enhancement_is_noise_as_wide_as_the_gradient():
    quiet = moved(plait.OGMGE(enhancement=False))
    loud = moved(plait.OGMGE())
    plain = moved_by(JOINT)
    for name in quiet:
        noise = loud[name] - quiet[name]
        if "encoder/kernel" in name:
            assert 0.5 < noise.std() / plain[name].std(ddof=1) < 1.6
        elif "encoder" not in name:
            np.testing.assert_allclose(noise, 0.0, atol=1e-8)


def unnamed():
    """Two features of layers that Keras names anew in every model."""
    inputs, read = {}, []
    for n, (name, width) in enumerate(FEATURES.items()):
        inputs[name] = keras.Input((width,), name=name)
        inputs[f"{name}__present"] = keras.Input((1,), dtype="bool", name=f"{name}__present")
        there = keras.ops.cast(inputs[f"{name}__present"], "float32")
        read.append(keras.layers.Dense(5, kernel_initializer=init(n))(inputs[name]) * there)
    z = keras.layers.Concatenate()(read)
    return inputs, {"kind": keras.layers.Dense(3, kernel_initializer=init(9))(z)}


def noise_of(batches_a_step):
    """What the enhancement adds in one step that has the same batch so many times."""
    return kernel_after(batches_a_step, True) - quiet_kernel()


@functools.cache
def quiet_kernel():
    """Of the batch once: so many times it has the same mean."""
    return kernel_after(1, False)


def kernel_after(batches_a_step, enhancement):
    model = plait.MultiTaskModel(*unnamed())
    several = batches_a_step if batches_a_step > 1 else None
    model.compile(
        keras.optimizers.SGD(RATE, gradient_accumulation_steps=several),
        loss=losses(["kind"]),
        balancing=plait.OGMGE(enhancement=enhancement),
    )
    x, y = data()
    x = {n: v[:, None] if n.endswith("__present") else v for n, v in x.items()}
    for _ in range(batches_a_step):
        model.train_on_batch(x, {"kind": y["kind"]})
    return keras.ops.convert_to_numpy(model.trainable_variables[0])


def test_the_noise_is_of_the_variables_place_and_of_each_batch():
    once = noise_of(1)
    np.testing.assert_allclose(noise_of(1), once, atol=1e-6)
    # The mean of two draws, which is narrower than one.
    twice = noise_of(2)
    assert np.abs(once).max() > 1e-3
    assert 0.4 < twice.std() / once.std() < 0.95
    assert abs(np.corrcoef(once.ravel(), twice.ravel())[0, 1]) < 0.95


def test_ogm_ends_with_its_epochs():
    ours = moved(plait.OGMGE(0.5, epochs=(1, 1)), steps=3)
    plain = moved_by(JOINT, steps=3)
    for name, value in plain.items():
        np.testing.assert_allclose(ours[name], value, atol=1e-5, err_msg=name)


def blend_of(balancing):
    """A compiled model, the rows that teach it, and those held out."""
    model = without_dropout(plait.MultiTaskModel(*network()))
    model.compile(keras.optimizers.Adam(0.01), loss=losses(JOINT), balancing=balancing)
    x, y = data()
    held_out = {n: v[:8] for n, v in x.items()}, {n: v[:8] for n, v in y.items()}
    taught = {n: v[8:] for n, v in x.items()}, {n: v[8:] for n, v in y.items()}
    return model, taught, held_out


def two_epochs(model, taught, held_out):
    model.fit(*taught, epochs=2, batch_size=8, shuffle=False, verbose=0, validation_data=held_out)


class Fixed(plait.UnimodalLosses):
    """The weights of branches, as they are given."""

    def build(self, tasks):
        super().build(tasks)
        self.branches = keras.Variable("zeros", shape=(3,), dtype="float32", trainable=False)

    @property
    def variables(self):
        return [self.branches] if self.tasks else []

    def weights(self, evidence, context):
        return keras.ops.cast(context.active, "float32") * self.branches[-1], []

    def feature_weights(self, evidence, context):
        return keras.ops.ones_like(evidence.feature_losses) * self.branches[None, :-1]


def test_gradient_blending_is_trials_then_their_blend():
    found, taught, held_out = blend_of(plait.GradientBlending(2))
    two_epochs(found, taught, held_out)
    same, *_ = blend_of(Fixed())
    start = Start(same)
    before, after = np.zeros((3, 2)), np.zeros((3, 2))
    for branch in range(3):
        start.restore()
        same.balancing.branches.assign(np.eye(3)[branch])
        for losses_of in (before, after):
            for place, part in enumerate((taught, held_out)):
                same.evaluate(*part, batch_size=8, verbose=0)
                losses_of[branch, place] = same.branch_losses()[branch]
            if losses_of is before:
                two_epochs(same, taught, held_out)
    weights = blend(before, after)
    assert np.ptp(weights) > 0.05
    told = keras.ops.convert_to_numpy(found.balancing.variables[0])
    np.testing.assert_allclose(told, weights, rtol=1e-3)
    start.restore()
    same.balancing.branches.assign(told)
    two_epochs(same, taught, held_out)
    assert int(found.optimizer.iterations) == int(same.optimizer.iterations) == 4
    for ours, theirs in zip(found.get_weights(), same.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-6)


def test_the_blend():
    before = np.array([[2.0, 2.0], [2.0, 2.0], [2.0, 2.0]])
    after = np.array([[1.0, 1.5], [1.2, 1.4], [1.0, 2.5]])
    found = blend(before, after)
    expected = np.array([0.5 / 0.5**2, 0.6 / 0.2**2, 0.0])
    np.testing.assert_allclose(found, expected / expected.sum())
    np.testing.assert_allclose(blend(before, before), 1 / 3)
    assert blend(before, np.full((3, 2), np.nan)).sum() == pytest.approx(1)
    # A branch that diverged counts nothing; the others count as they did.
    after[2] = np.nan
    np.testing.assert_allclose(blend(before, after), expected / expected.sum())


def test_the_tasks_are_compared_where_they_share_weights():
    model = without_dropout(plait.MultiTaskModel(*network()))
    model.compile(keras.optimizers.SGD(RATE), loss=losses(JOINT), balancing=plait.UnimodalLosses())
    x, y = data()
    logs = model.fit(x, y, batch_size=24, verbose=0).history
    told = logs["cosine_kind_price"][0]
    # The features' own losses have moved the model, too.
    assert np.isnan([logs["kind_share"], logs["price_share"]]).all()
    one, other = (
        np.concatenate([of(n, moved_by([t])) for n in ("image", "sound", "trunk")]) for t in JOINT
    )
    expected = one @ other / np.linalg.norm(one) / np.linalg.norm(other)
    assert told == pytest.approx(expected, rel=1e-3)


class Stand(keras.layers.Layer):
    """A learnt number in the place of what is absent."""

    hides_absent = True

    def build(self, *shapes):
        self.token = self.add_weight(shape=(5,), name="token", initializer="ones")

    def call(self, present, z):
        return keras.ops.where(
            keras.ops.expand_dims(present, -1), z, keras.ops.convert_to_tensor(self.token)
        )


class Counted(keras.layers.Dense):
    """Counts how often it is traced."""

    calls = 0

    def call(self, inputs):
        type(self).calls += 1
        return super().call(inputs)


def test_an_encoder_behind_what_hides_the_absent_runs_once():
    inputs, read = {}, []
    for name, width in FEATURES.items():
        inputs[name] = keras.Input((width,), name=name)
        inputs[f"{name}__present"] = keras.Input((), dtype="bool", name=f"{name}__present")
        blank = inputs[name] * keras.ops.cast(
            keras.ops.expand_dims(inputs[f"{name}__present"], -1), "float32"
        )
        stand = Stand(name=f"{name}_absent")
        read.append(stand(inputs[f"{name}__present"], Counted(5, name=f"{name}_encoder")(blank)))
    z = keras.layers.Dense(4, name="trunk")(keras.layers.Concatenate()(read))
    model = plait.MultiTaskModel(inputs, {"price": keras.layers.Dense(1)(z)})
    x, y = data()
    model.compile(
        "sgd",
        loss={"price": "mse"},
        balancing=plait.MMPareto(),
        run_eagerly=keras.backend.backend() != "jax",
    )
    before = named(model)
    model.train_on_batch(x, {"price": y["price"]})  # Keras builds metrics and the like.
    Counted.calls = 0
    # Of fewer rows, so that JAX traces the step once more.
    x = {name: values[:12] for name, values in x.items()}
    logs = model.train_on_batch(x, {"price": y["price"][:12]}, return_dict=True)
    assert Counted.calls == 2
    assert np.isfinite(logs["price_loss_image"])
    after = named(model)
    assert all(np.abs(after[name] - before[name]).max() > 0 for name in before)


@pytest.mark.parametrize(
    "make",
    [plait.UnimodalLosses, plait.OGMGE, plait.MMPareto, lambda: plait.GradientBlending(1)],
    ids=["UnimodalLosses", "OGMGE", "MMPareto", "GradientBlending"],
)
def test_rows_without_labels_change_nothing_whatever_they_hold(make):
    x, y = data()
    found = []
    for hole in (0.0, np.inf):
        padded = {n: np.concatenate([v[:9], np.zeros_like(v[:3])]) for n, v in x.items()}
        padded["image"][9:] = hole
        padded["image__present"][9:] = True
        labels = {
            "kind": np.append(y["kind"][:9], [-1] * 3),
            "price": np.concatenate([y["price"][:9], np.full((3, 1), np.nan, "float32")]),
        }
        model = plait.MultiTaskModel(*network())
        model.compile(keras.optimizers.SGD(RATE), loss=losses(JOINT), balancing=make())
        model.fit(
            padded,
            labels,
            batch_size=12,
            epochs=2,
            shuffle=False,
            verbose=0,
            validation_data=(padded, labels),
        )
        found.append(model.get_weights())
    for ours, theirs in zip(*found, strict=True):
        np.testing.assert_array_equal(ours, theirs)
        assert np.isfinite(ours).all()


def test_saved_and_loaded_it_goes_on(tmp_path):
    model, taught, held_out = blend_of(plait.GradientBlending(2))
    two_epochs(model, taught, held_out)
    told = keras.ops.convert_to_numpy(model.balancing.variables[0])
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(again.balancing.variables[0]), told)
    for one in (model, again):
        one.fit(
            *taught,
            batch_size=8,
            epochs=4,
            initial_epoch=3,
            shuffle=False,
            verbose=0,
            validation_data=held_out,
        )
    for ours, theirs in zip(model.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-6)


def test_trials_run_at_the_rate_of_their_epoch_and_leave_the_optimizer_as_it_was():
    rates = [0.02, 0.005]
    schedule = keras.callbacks.LearningRateScheduler(lambda epoch: rates[epoch])
    seen = []

    class Watching(plait.GradientBlending):
        def begin_trial(self, branch):
            super().begin_trial(branch)
            seen.append(float(model.optimizer.learning_rate))

    model = without_dropout(plait.MultiTaskModel(*network()))
    model.compile(keras.optimizers.Adam(0.1), loss=losses(JOINT), balancing=Watching(1))
    x, y = data()
    held = []
    look = keras.callbacks.LambdaCallback(
        on_train_batch_begin=lambda batch, logs: held.append(
            [np.abs(keras.ops.convert_to_numpy(v)).max() for v in model.optimizer.variables[2:]]
        )
    )
    model.fit(
        x, y, epochs=2, batch_size=24, verbose=0, validation_data=(x, y), callbacks=[schedule, look]
    )
    np.testing.assert_allclose(seen, [0.02] * 3 + [0.005] * 3, rtol=1e-5)
    assert max(held[0]) == 0.0


def test_frozen_and_shared_encoders_move_with_the_sum():
    model = without_dropout(plait.MultiTaskModel(*network()))
    model.compile(keras.optimizers.SGD(RATE), loss=losses(JOINT), balancing=plait.MMPareto())
    x, y = data()
    model.fit(x, y, verbose=0)
    model.get_layer("image_encoder").trainable = False
    assert "price_loss_image" in model.evaluate(x, y, verbose=0, return_dict=True)
    inputs, read, encoder = {}, [], keras.layers.Dense(5, kernel_initializer=init(1))
    for name in ("left", "right"):
        inputs[name] = keras.Input((6,), name=name)
        inputs[f"{name}__present"] = keras.Input((1,), dtype="bool", name=f"{name}__present")
        there = keras.ops.cast(inputs[f"{name}__present"], "float32")
        read.append(encoder(inputs[name]) * there)
    outputs = {"price": keras.layers.Dense(1)(keras.layers.Concatenate()(read))}
    tied = plait.MultiTaskModel(inputs, outputs)
    with pytest.warns(UserWarning, match="no trainable layer is reached by one feature"):
        tied.compile("sgd", loss="mse", balancing=plait.MMPareto())


def test_regularisers_are_scaled_by_no_balancer():
    moves = []
    for strength in (0.0, 0.5):
        inputs, outputs = network()
        model = without_dropout(plait.MultiTaskModel(inputs, outputs))
        kernel = model.get_layer("image_encoder").kernel
        kernel.regularizer = keras.regularizers.L2(strength)
        start = keras.ops.convert_to_numpy(kernel).copy()
        model.compile(keras.optimizers.SGD(RATE), loss=losses(JOINT), balancing=plait.MMPareto(3.0))
        model.fit(*data(), batch_size=24, shuffle=False, verbose=0)
        moves.append(keras.ops.convert_to_numpy(kernel) - start)
    np.testing.assert_allclose(moves[1] - moves[0], -RATE * 2 * 0.5 * start, atol=1e-5)


def test_flags_of_rank_two_and_weights_in_float64():
    inputs, read = {}, []
    for name in ("left", "right"):
        inputs[name] = keras.Input((2,), name=name)
        inputs[f"{name}__present"] = keras.Input((1,), dtype="bool", name=f"{name}__present")
        there = keras.ops.cast(inputs[f"{name}__present"], "float32")
        read.append(keras.layers.Dense(3)(inputs[name]) * there)
    z = keras.layers.Concatenate()(read)
    own = keras.layers.Dense(1, name="own")(read[0])
    model = plait.MultiTaskModel(inputs, {"price": keras.layers.Dense(1)(z), "own": own})
    model.compile("sgd", loss="mse", balancing=plait.UnimodalLosses())
    draw = np.random.default_rng(0)
    x = {name: draw.normal(size=(6, 2)).astype("float32") for name in ("left", "right")}
    x |= {f"{name}__present": np.arange(6)[:, None] % 3 > 0 for name in ("left", "right")}
    y = {t: draw.normal(size=(6, 1)).astype("float32") for t in ("price", "own")}
    weights = np.arange(1.0, 7.0)
    sample_weight = {"price": weights, "own": weights}
    told = model.evaluate(x, y, sample_weight=sample_weight, verbose=0, return_dict=True)
    answers = model.predict({**x, "right__present": np.zeros((6, 1), bool)}, verbose=0)["price"]
    errors, seen = (answers - y["price"])[:, 0] ** 2, weights * x["left__present"][:, 0]
    np.testing.assert_allclose(told["price_loss_left"], errors @ seen / seen.sum(), rtol=1e-4)
    # From the only feature that it reads, a task's loss is what it is anyway.
    assert not any(name.startswith("own_loss_") for name in told)


def test_only_what_is_a_probability_scores():
    mass = keras.losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=2)
    model = plait.MultiTaskModel(*network())
    model.compile("sgd", loss={"kind": mass, "price": "mse"}, balancing=plait.OGMGE())
    logits = np.log([[0.2, 0.5, 0.3], [0.9, 0.05, 0.05]]).astype("float32")
    labels = {"kind": (np.array([1, 2]), None), "price": (np.zeros((2, 1), "float32"), None)}
    predictions = {"kind": logits, "price": np.zeros((2, 1), "float32")}
    found = model.objective.scores(
        {n: keras.ops.convert_to_tensor(v) for n, v in predictions.items()},
        {n: (keras.ops.convert_to_tensor(t), w) for n, (t, w) in labels.items()},
    )
    found = keras.ops.convert_to_numpy(found)
    np.testing.assert_allclose(found, [0.5, 0.0], rtol=1e-5)
    focal = plait.MultiTaskModel(*network())
    with pytest.raises(BalancingError, match="needs a task with classes"):
        focal.compile(
            "sgd", loss={"kind": "categorical_focal_crossentropy"}, balancing=plait.OGMGE()
        )


def compiled(balancing, features=FEATURES, loss=None, inputs=None):
    found, outputs = network(features=features)
    model = plait.MultiTaskModel(inputs or found, outputs)
    model.compile("sgd", loss=loss or losses(outputs), balancing=balancing)
    return model


def test_what_cannot_be_is_refused():
    x = keras.Input((3,), name="x")
    plain = plait.MultiTaskModel(x, {"a": keras.layers.Dense(1)(x), "b": keras.layers.Dense(1)(x)})
    with pytest.raises(BalancingError, match=r"UnimodalLosses weighs features .* Found: none"):
        plain.compile("sgd", loss="mse", balancing=plait.UnimodalLosses())
    with pytest.raises(BalancingError, match="OGMGE weighs two features, and the model has 3"):
        compiled(plait.OGMGE(), {**FEATURES, "note": 3})
    compiled(plait.OGMGE(features=["note", "image"]), {**FEATURES, "note": 3})
    with pytest.raises(BalancingError, match="no feature 'imag'"):
        compiled(plait.OGMGE(features=["imag", "sound"]))
    with pytest.raises(BalancingError, match="OGMGE needs a task with classes"):
        compiled(plait.OGMGE(), loss={"price": "mse"})
    with pytest.raises(BalancingError, match="GradientBlending looks at validation losses"):
        compiled(plait.GradientBlending()).fit(*data(), verbose=0)
    with pytest.raises(BalancingError, match="reads the validation rows several times"):
        compiled(plait.GradientBlending()).fit(
            *data(), verbose=0, validation_data=(batch for batch in [data()])
        )
    with pytest.raises(BalancingError, match=r"already balances \['kind', 'price'\]"):
        compiled(compiled(plait.MMPareto()).balancing, {**FEATURES, "note": 3})

    class Wanting(plait.UnimodalLosses):
        needs = frozenset({"feature_losses", "gramian"})

    with pytest.raises(BalancingError, match="Received: feature_losses, gramian"):
        compiled(Wanting())

    class Plain(plait.Equal):
        needs = frozenset({"feature_losses"})

    with pytest.raises(BalancingError, match="only a FeatureBalancer is given"):
        compiled(Plain())
    with pytest.raises(ValueError, match="MMPareto does not: it weighs features"):
        plait.CRMOGM(plait.MMPareto())
    for make in (
        lambda: plait.UnimodalLosses(0),
        lambda: plait.OGMGE(alpha=-1),
        lambda: plait.OGMGE(features=["a"]),
        lambda: plait.MMPareto(gamma=0),
        lambda: plait.GradientBlending(0),
    ):
        with pytest.raises(ValueError, match="Received"):
            make()
