"""Which parts of a model learn, how fast, and until when."""

import functools
import signal
from dataclasses import replace

import keras
import numpy as np
import pytest

import plait
from plait.encoders import Encoder
from plait.errors import BalancingError, ConfigError, StoppedError
from plait.features import Category, Number
from plait.inference import Predictor, weights_of
from plait.table import Table
from plait.training import Training, Validation
from plait.training._checkpoint import last_whole
from plait.training._goes_on import GoesOn
from plait.training._learning import Learning
from plait.training._train import compile_model
from tests.unit.inference import tiny
from tests.unit.training.test_train import batches_of, fitted

ONE_STEP = Training(
    epochs=1, batch_size=40, patience=9, schedule="constant", learning_rate=0.01, clip_norm=None
)
"""Of all 40 rows."""


def weights(of):
    return {name: np.array(keras.ops.convert_to_numpy(v)) for name, v in weights_of(of).items()}


@functools.cache
def start():
    return weights(Predictor.build(tiny.declaration(), seed=5).model)


def moved(before, after):
    """The layers of which something has moved."""
    return {path.split("/")[0] for path in before if (before[path] != after[path]).any()}


ALL = {"age__encoder", "size__encoder", "kind__encoder", "age__absent", "size__absent"} | {
    "kind__absent", "fusion", "sharing", "sold", "price",
}  # fmt: skip


@pytest.mark.parametrize("balancing", [None, plait.MGDA()])
def test_gradients_are_cut_after_balancing(balancing):
    free, cut = (
        fitted(settings=replace(ONE_STEP, clip_norm=norm, weight_decay=0.0), balancing=balancing)
        for norm in (None, 1e-9)
    )
    assert free.history[0].logs == pytest.approx(cut.history[0].logs, rel=1e-5, abs=1e-6)
    assert any(name.startswith("cosine_") for name in cut.history[0].logs)
    before = start()
    # Adam divides by the gradient's size plus 1e-7.
    for path, value in weights(cut.model).items():
        assert np.abs(value - before[path]).max() < 0.02 * 0.01, path
    assert max(np.abs(v - before[p]).max() for p, v in weights(free.model).items()) > 0.009


@pytest.mark.parametrize(
    ("frozen", "layers"),
    [
        (("kind", "sold"), {"kind__encoder", "kind__absent", "sold"}),
        (("fusion", "trunk"), {"fusion", "sharing"}),
        (("heads",), {"sold", "price"}),
    ],
)
def test_what_is_frozen_moves_not_a_bit(frozen, layers):
    settings = replace(ONE_STEP, epochs=3, batch_size=16, freeze=frozen, modality_dropout=0.4)
    trained = fitted(settings=settings, balancing=plait.PCGrad())
    assert moved(start(), weights(trained.model)) == ALL - layers


@pytest.mark.parametrize("balancing", [plait.UPGrad(), plait.GradNorm(), plait.Uncertainty(), None])
def test_with_nothing_shared_that_learns_the_heads_learn_unbalanced(balancing):
    settings = replace(ONE_STEP, batch_size=16, freeze=("age", "size", "kind", "fusion", "trunk"))
    trained = fitted(settings=settings, balancing=balancing)
    assert moved(start(), weights(trained.model)) == {"sold", "price"}


def test_a_balancer_with_a_state_of_the_gradients_shape_goes_with_no_frozen_trunk():
    with pytest.raises(BalancingError, match=r"MoCo.*freeze"):
        fitted(settings=replace(ONE_STEP, freeze=("trunk",)), balancing=plait.MoCo())
    fitted(settings=replace(ONE_STEP, freeze=("heads",)), balancing=plait.MoCo())


class Look(keras.callbacks.Callback):
    """Keeps the weights at the end of each epoch."""

    def __init__(self):
        super().__init__()
        self.seen = [start()]

    def on_epoch_end(self, epoch, logs=None):
        self.seen.append(weights(self.model))


@pytest.mark.parametrize("precision", [None, "float16"])
def test_a_part_learns_from_its_epoch_on_and_with_steps_of_the_right_length(precision):
    settings = replace(
        ONE_STEP, epochs=4, unfreeze_at={"kind": 4, "trunk": 2}, weight_decay=0.0,
        modality_dropout=0.0, precision=precision,
    )  # fmt: skip
    look = Look()
    declared = tiny.declaration(precision=precision)
    fitted(declared, settings=settings, balancing=plait.PCGrad(), callbacks=[look])
    late = [moved(a, b) for a, b in zip(look.seen, look.seen[1:], strict=False)]
    if precision is None:
        assert [("kind__encoder" in m, "sharing" in m) for m in late] == [
            (False, False), (False, True), (False, True), (True, True),
        ]  # fmt: skip
    path = next(p for p in look.seen[0] if p.startswith("kind__encoder/"))
    step = np.abs(look.seen[4][path] - look.seen[3][path])
    # Adam's first step has the length of the learning rate, whatever the gradient.
    assert np.median(step[step > 0]) == pytest.approx(settings.learning_rate, rel=0.02)


def test_a_change_of_what_learns_compiles_the_step_once(monkeypatch):
    made = []
    make = plait.MultiTaskModel.train_on_data
    monkeypatch.setattr(
        plait.MultiTaskModel, "train_on_data", lambda self, data: made.append(1) or make(self, data)
    )
    if keras.backend.backend() != "jax":
        pytest.skip("counts the traces of JAX")
    fitted(settings=replace(ONE_STEP, epochs=4))
    (once, _), made[:] = (len(made), None), []
    fitted(settings=replace(ONE_STEP, epochs=6, unfreeze_at={"kind": 3}))
    assert len(made) == 2 * once


@keras.saving.register_keras_serializable(package="tests")
class OverTheBatch(Encoder):
    """Normalises over the batch, as pretrained nets do."""

    def build(self, values_shape, lengths_shape=None):
        self.norm = keras.layers.BatchNormalization(name="norm")
        self.norm.build(values_shape)
        self.dense = keras.layers.Dense(self.width, name="dense")
        self.dense.build(values_shape)

    def call(self, values, lengths=None, training=None):
        flat = keras.ops.reshape(values, (-1, values.shape[-1]))
        tokens = keras.ops.expand_dims(self.dense(self.norm(flat, training=training)), 1)
        return {"tokens": tokens, "mask": keras.ops.ones_like(tokens[..., 0], dtype="bool")}


def test_batch_normalisation_that_is_frozen_stays_in_inference_mode():
    features = {"age": Number(), "size": Number(encoder=OverTheBatch(4)), "kind": Category()}
    declared = tiny.declaration(features=features)
    before = weights(Predictor.build(declared, seed=5).model)
    norms = [path for path in before if "moving" in path]
    assert len(norms) == 2
    for freeze, alike in ((None, 0), ("size", 6), ("size/norm", 4)):
        settings = replace(ONE_STEP, freeze=(freeze,) if freeze else ())
        after = weights(fitted(declared, settings=settings).model)
        same = {path for path in before if np.array_equal(after[path], before[path])}
        assert same.issuperset(norms) == bool(freeze)
        assert len({path for path in same if path.startswith("size__encoder")}) == alike


def test_a_rate_shortens_the_step_of_its_part_and_its_decay():
    before = start()
    settings = replace(ONE_STEP, weight_decay=0.1)
    plain, slow = (
        weights(fitted(settings=replace(settings, rates=rates)).model)
        for rates in (None, {"heads": 0.25, "price": 0.5, "kind": 0.125})
    )
    for path, value in before.items():
        layer = path.split("/")[0]
        rate = {"sold": 0.25, "price": 0.5, "kind__encoder": 0.125, "kind__absent": 0.125}.get(
            layer, 1
        )
        expected = value + rate * (plain[path] - value)
        # Adam makes a step of what rounding leaves of a gradient of 0.
        assert np.isclose(slow[path], expected, rtol=1e-5, atol=1e-7).mean() >= 0.75, path


def test_a_layer_within_a_part_has_a_rate_and_a_beginning_of_its_own():
    model = plait.MultiTaskModel(*tiny.declaration().connect())
    settings = replace(
        ONE_STEP,
        rates={"sold/logits": 0.1, "heads": 2.0, "sold": 0.5},
        unfreeze_at={"sold/logits": 3},
    )
    compile_model(model, tiny.declaration().tasks, settings, None, steps=7)
    pace = Learning(model, settings, 7).pace()
    assert pace is not None
    sold, price = (
        [id(v) for v in model.get_layer(name).trainable_variables] for name in ("sold", "price")
    )
    assert pace.rates == {**dict.fromkeys(sold, 0.1), **dict.fromkeys(price, 2.0)}
    assert pace.since == dict.fromkeys(sold, 14)


def test_one_rate_for_all_is_that_learning_rate():
    settings = replace(ONE_STEP, epochs=2, batch_size=16, weight_decay=0.1, accumulate=2)
    rates = dict.fromkeys(["age", "size", "kind", "fusion", "trunk", "heads"], 0.1)
    one = fitted(settings=replace(settings, rates=rates), balancing=plait.FAMO())
    other = fitted(settings=replace(settings, learning_rate=0.001), balancing=plait.FAMO())
    for path, value in weights(other.model).items():
        np.testing.assert_allclose(weights(one.model)[path], value, atol=2e-5, err_msg=path)


def test_a_task_that_gains_no_more_is_finished_and_the_others_go_on(monkeypatch):
    reached = {"sold": [0.5, 0.4, 0.3, 0.9, 0.9, 0.9], "price": [0.1, 0.1, 0.2, 0.2, 0.1, 0.9]}
    epoch = iter(range(99))

    def gains(*_):
        now = next(epoch)
        return {task: values[now] for task, values in reached.items()}

    monkeypatch.setattr("plait.training._selection.gains", gains)
    table, declared, look = Table.read(tiny.columns()), tiny.declaration(), Look()
    settings = replace(ONE_STEP, epochs=6, task_patience=2)
    validation = Validation(table, declared.rows(table, again=True))
    trained = fitted(
        declared,
        settings=settings,
        validation=validation,
        callbacks=[look],
        balancing=plait.UPGrad(),
    )
    layers = [moved(a, b) for a, b in zip(look.seen, look.seen[1:], strict=False)]
    assert ["sold" in m for m in layers] == [True, True, True, False, False]
    assert all({"price", "sharing"} <= m for m in layers)
    assert [e.logs["sold_loss"] > 0 for e in trained.history] == [True, True, True, False, False]
    # Both are finished after the fifth: price was at its best, 0.2, in the third.
    assert len(trained.history) == 5


@pytest.mark.parametrize(
    ("sold", "price", "epochs"),
    [
        # Nothing else learns once "sold" is finished, however much "price" would still gain.
        ([0.5, 0.4, 0.3, 0.2], [0.1, 0.2, 0.3, 0.4], 2),
        # A task that is solved gains no more.
        ([1.0, 1.0, 1.0, 1.0], [0.1, 0.2, 0.3, 0.4], 2),
    ],
)
def test_training_is_over_when_nothing_that_is_left_learns(sold, price, epochs, monkeypatch):
    now = iter(zip(sold, price, strict=True))
    monkeypatch.setattr(
        "plait.training._selection.gains",
        lambda *_: dict(zip(("sold", "price"), next(now), strict=True)),
    )
    table, declared = Table.read(tiny.columns()), tiny.declaration()
    frozen = ("age", "size", "kind", "fusion", "trunk", "price")
    settings = replace(ONE_STEP, epochs=4, task_patience=1, freeze=frozen)
    validation = Validation(table, declared.rows(table, again=True))
    trained = fitted(declared, settings=settings, validation=validation)
    assert len(trained.history) == epochs


def test_what_came_from_another_run_has_a_rate_and_a_beginning_of_its_own():
    declared = tiny.declaration()
    model = plait.MultiTaskModel(*declared.connect())
    settings = replace(ONE_STEP, rates={"start": 0.1, "sold": 0.5}, unfreeze_at={"start": 3})
    compile_model(model, declared.tasks, settings, None, steps=7)
    came = [layer for layer in model.layers if layer.name in ("kind__encoder", "sold")]
    pace = Learning(model, settings, 7, {"start": came}).pace()
    assert pace is not None
    kind, sold = ([id(v) for v in layer.trainable_variables] for layer in came)
    assert pace.rates == {**dict.fromkeys(kind, 0.1), **dict.fromkeys(sold, 0.5)}
    assert pace.since == dict.fromkeys([*kind, *sold], 14)


STAGES = replace(
    ONE_STEP, epochs=4, batch_size=16, unfreeze_at={"kind": 3}, task_patience=1, ema=0.9,
    rates={"heads": 0.5},
)  # fmt: skip


def staged(goes_on=None, callbacks=()):
    """Parts that begin later, tasks that end earlier, and whatever else has a state."""
    table, declared = Table.read(tiny.columns()), tiny.declaration()
    validation = Validation(table, declared.rows(table, again=True))
    how = {"goes_on": goes_on, "callbacks": callbacks, "balancing": plait.PCGrad()}
    return fitted(declared, settings=STAGES, validation=validation, **how)


@pytest.fixture(scope="module")
def whole():
    return staged()


@pytest.mark.parametrize("stop", [{"on_epoch_end": 1}, {"on_epoch_begin": 2}], ids=str)
def test_a_run_that_goes_on_learns_as_the_one_that_was_not_stopped(stop, whole, tmp_path):
    ((hook, when),) = stop.items()

    def asked(epoch, logs=None):
        if epoch == when:
            signal.raise_signal(signal.SIGTERM)

    with pytest.raises(StoppedError):
        staged(GoesOn(tmp_path, None, print), [keras.callbacks.LambdaCallback(**{hook: asked})])
    resumed = staged(GoesOn(tmp_path, last_whole(tmp_path, print), print))
    assert [e.loss for e in resumed.history] == [e.loss for e in whole.history]
    for path, value in weights(whole.model).items():
        assert value.tobytes() == weights(resumed.model)[path].tobytes(), path


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"freeze": ("kin",)}, "freeze names 'kin'.*Did you mean 'kind'"),
        ({"freeze": ("sold/logit",)}, "freeze names 'sold/logit'.*Did you mean 'sold/logits'"),
        ({"rates": {"trunks": 0.1}}, "rates names 'trunks'.*Did you mean 'trunk'"),
        (
            {"unfreeze_at": dict.fromkeys(["age", "size", "kind", "fusion", "trunk", "heads"], 2)},
            "nothing to learn in epoch 1",
        ),
    ],
    ids=str,
)
def test_parts_that_are_not_there_are_named(wrong, message):
    with pytest.raises(ConfigError, match=message):
        fitted(batches=batches_of(tiny.declaration()), settings=replace(ONE_STEP, **wrong))


@pytest.mark.parametrize(
    "wrong",
    [
        {"unfreeze_at": {"kind": 0}},
        {"rates": {"kind": 0}},
        {"rates": {"kind": -1}},
        {"task_patience": 0},
    ],
    ids=str,
)
def test_values_out_of_their_range_are_named(wrong):
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        Training(**wrong)
