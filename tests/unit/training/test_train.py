import io
from dataclasses import replace

import keras
import numpy as np
import pytest

from plait._dropout import Dropout
from plait.balancing import PCGrad
from plait.data import Batches
from plait.errors import BadLoss, PlaitError
from plait.features import Number, Series
from plait.inference import Declaration, Predictor, score
from plait.learner import Learner
from plait.model import MultiTaskModel, WeightAverage
from plait.table import Table
from plait.tasks import Forecast, Regression
from plait.training import Progress, Training, Validation, label_coverage, labelled_rows, train
from plait.training._goes_on import rows_of
from plait.training._schedules import RiseAndFall, learning_rate, rate_of
from plait.training._train import augmentation, built
from tests.unit.inference import tiny

THREE_STEPS = Training(epochs=1, batch_size=16, patience=1, modality_dropout=0.3)
"""40 rows: the last batch has 8 rows of padding."""


def fitted(declared=None, batches=None, settings=THREE_STEPS, validation=None, **options):
    declared = declared or tiny.declaration()
    batches = batches or batches_of(declared, settings)
    return train(declared, batches, validation, settings, seed=5, **options)


def batches_of(declared, settings=THREE_STEPS, table=None, kind=Batches):
    table = Table.read(tiny.columns()) if table is None else table
    return kind(
        table, declared.features, declared.tasks, batch_size=settings.batch_size, seed=5, workers=0
    )


def one_feature():
    """And one task."""
    return tiny.declaration(features={"size": Number()}, tasks={"price": Regression()})


def bits(trained):
    return {path: value.tobytes() for path, value in tiny.values(trained.model).items()}


def test_what_is_neutral_at_1_does_not_decay():
    past = {"past": [[1.0, 2.0], [3.0, 4.0]], "next": [[1.0], [2.0]]}
    learner = Learner({"past": Series()}, {"next": Forecast(of="past")}, width=4)
    declared = learner._fitted(Table.read(past), None)
    made = built(declared, Training(epochs=1, batch_size=2).settled(2), None, 1, 0)
    decayed = {
        v.name for v in made.model.trainable_variables if made.model.optimizer._use_weight_decay(v)
    }
    assert {"kernel", "linear"} <= decayed
    assert not decayed & {"persistence", "bias", "gamma"}


def test_no_batch_is_read_that_no_epoch_has():
    read = []

    class Noted(Batches):
        def batch(self, epoch, index):
            read.append((epoch, index))
            return super().batch(epoch, index)

    declared, settings = one_feature(), replace(THREE_STEPS, epochs=2, patience=2)
    table = Table.read(tiny.columns())
    fitted(declared, Noted(table, declared.features, declared.tasks, batch_size=16), settings)
    assert max(read) == (2, 2)


@pytest.mark.skipif(keras.backend.backend() != "jax", reason="counts the traces of JAX")
def test_a_last_batch_of_fewer_rows_has_no_step_of_its_own(monkeypatch):
    traced = []
    step = MultiTaskModel.train_on_data
    monkeypatch.setattr(
        MultiTaskModel, "train_on_data", lambda self, data: traced.append(1) or step(self, data)
    )
    counts = []
    for batch_size in (20, 16):
        fitted(one_feature(), settings=replace(THREE_STEPS, epochs=2, batch_size=batch_size))
        counts.append(len(traced))
        traced.clear()
    assert counts[0] == counts[1] > 0


class Poisoned(Batches):
    """The same batches with something else in the place of what is absent, padded or unlabelled."""

    def batch(self, epoch, index):
        x, y, weights = super().batch(epoch, index)
        for name in ("age", "size", "kind"):
            here = x[f"{name}__present"].reshape(-1, *[1] * (x[name].ndim - 1))
            poison = np.nan if x[name].dtype == "float32" else 2
            x[name] = np.where(here, x[name], np.array(poison, x[name].dtype))
        for task, values in y.items():
            unlabelled = (weights[task] == 0).reshape(-1, *[1] * (values.ndim - 1))
            y[task] = np.where(unlabelled, np.nan, values).astype(values.dtype)
        return x, y, weights


@pytest.fixture(scope="module")
def plain():
    return fitted()


@pytest.mark.backends
def test_placeholders_change_not_a_bit_of_the_weights_after_three_steps(plain):
    declared = tiny.declaration()
    assert bits(plain) == bits(fitted(declared, batches_of(declared, kind=Poisoned)))
    start = tiny.values(Predictor.build(declared, seed=5).model)
    for path, value in tiny.values(plain.model).items():
        assert (value != start[path]).any(), f"{path} has not learnt"


@pytest.mark.backends
def test_placeholders_change_not_a_bit_under_a_balancer_either():
    declared = tiny.declaration()
    balanced = fitted(declared, balancing=PCGrad())
    poisoned = batches_of(declared, kind=Poisoned)
    assert bits(balanced) == bits(fitted(declared, poisoned, balancing=PCGrad()))


def test_the_history_tells_how_the_tasks_got_on_without_a_balancer_too(plain):
    (epoch,) = plain.history
    tasks = list(plain.predictor.tasks)
    assert sum(epoch.logs[f"{task}_share"] for task in tasks) == pytest.approx(1, abs=1e-5)
    cosines = [value for name, value in epoch.logs.items() if name.startswith("cosine_")]
    assert len(cosines) == len(tasks) * (len(tasks) - 1) / 2
    assert all(-1 <= cosine <= 1 for cosine in cosines)


def test_the_same_seed_gives_the_same_weights_whatever_was_drawn_before(plain):
    keras.utils.set_random_seed(99)
    keras.random.normal((3,))
    assert bits(plain) == bits(fitted())


def test_the_token_of_a_column_that_is_never_empty_is_learnt_by_modality_dropout(plain):
    start = tiny.values(Predictor.build(tiny.declaration(), seed=5).model)
    undropped = fitted(settings=replace(THREE_STEPS, modality_dropout=0.0))
    token = "size__absent/token"
    np.testing.assert_array_equal(tiny.values(undropped.model)[token], start[token])
    assert (tiny.values(plain.model)[token] != start[token]).all()


def test_one_feature_is_never_dropped():
    assert augmentation(one_feature(), THREE_STEPS) is None
    assert augmentation(tiny.declaration(), replace(THREE_STEPS, modality_dropout=0.0)) is None
    assert augmentation(tiny.declaration(), THREE_STEPS).features == ("age", "size", "kind")


def test_without_validation_the_last_epoch_is_kept(plain):
    assert (plain.best, plain.best.mean_gain) == (plain.history[-1], None)
    assert {"sold_loss", "price_loss"} <= plain.best.logs.keys()
    assert np.isfinite(plain.best.loss)


def test_the_best_epoch_is_kept_and_training_stops_when_it_is_long_ago(monkeypatch):
    reached = iter([0.1, 0.5, 0.4, 0.3, 0.9])
    monkeypatch.setattr("plait.training._selection.mean_gain", lambda *_: next(reached))
    table, declared, text, seen = Table.read(tiny.columns()), tiny.declaration(), io.StringIO(), []
    line = Progress(declared.tasks, 5, text)
    trained = fitted(
        declared,
        settings=replace(THREE_STEPS, epochs=5, patience=2),
        validation=Validation(table, declared.rows(table, again=True)),
        callbacks=[line],
        on_epoch=[line.epoch, lambda _: seen.append(tiny.values(line.model))],
    )
    assert [epoch.best for epoch in trained.history] == [True, True, False, False]
    assert trained.best == trained.history[1]
    kept = tiny.values(trained.model)
    assert all((kept[path] == value).all() for path, value in seen[1].items())
    assert any((kept[path] != value).any() for path, value in seen[3].items())
    scores = score(declared.tasks, trained.predictor.logits(table), table)
    assert scores == trained.best.scores
    printed = text.getvalue().splitlines()
    assert [text.endswith("*") for text in printed] == [True, True, False, False]
    assert printed[1].startswith("epoch 2/5")
    assert f"sold auc {scores['sold']['auc']:.4f}" in printed[1]
    assert f"price mae {scores['price']['mae']:.4f}" in printed[1]


def test_a_task_whose_validation_labels_are_all_one_has_no_say_in_which_epoch_is_kept():
    alike = tiny.columns()
    alike["sold"] = [None if label is None else "yes" for label in alike["sold"]]
    declared = tiny.declaration()

    def chosen(columns):
        table = Table.read(columns)
        seen = Validation(table, declared.rows(table, again=True))
        (epoch,) = fitted(declared, validation=seen).history
        return epoch

    with pytest.warns(UserWarning, match=r"one and the same label of 'sold'"):
        epoch = chosen(alike)
    assert epoch.mean_gain == epoch.gains["price"] != epoch.gains["sold"]
    # So is one whose other labels have no weight.
    other = {**alike, "sold": ["no", *alike["sold"][1:]]}
    table = Table.read(other)
    weights = np.array([0.0] + [1.0] * (len(table) - 1))
    seen = Validation(table, declared.rows(table, again=True), weights)
    with pytest.warns(UserWarning, match=r"one and the same label of 'sold'"):
        fitted(declared, validation=seen)
    # Where it is all there is, it is better than nothing.
    alike["price"] = [None] * len(alike["price"])
    epoch = chosen(alike)
    assert epoch.mean_gain == epoch.gains["sold"]


def test_tasks_meet_the_validation_rows_once(monkeypatch):
    met, bind = [], Declaration.tasks_in
    monkeypatch.setattr(Declaration, "tasks_in", lambda *of: met.append(of) or bind(*of))
    table, declared = Table.read(tiny.columns()), one_feature()
    settings = replace(THREE_STEPS, epochs=3, patience=3)
    seen = Validation(table, declared.rows(table, again=True))
    assert len(fitted(declared, settings=settings, validation=seen).history) == 3
    assert len(met) == 1


def test_the_learning_rate_rises_and_falls():
    settings = Training(epochs=4, batch_size=16, learning_rate=0.01, warmup=0.25)
    rate = learning_rate(settings, steps=10)
    rates = [float(rate(step)) for step in (0, 5, 10, 20, 30, 40)]
    assert rates[:3] == sorted(rates[:3])
    assert rates[2] == max(rates) == pytest.approx(0.01)
    assert rates[2:] == sorted(rates[2:], reverse=True)
    assert rates[5] < 0.001
    assert learning_rate(replace(settings, schedule="constant"), steps=10) == 0.01
    linear = learning_rate(replace(settings, schedule="linear"), steps=10)
    assert float(linear(25)) == pytest.approx(0.01 * (1 - 0.99 / 2))
    cycle = learning_rate(replace(settings, schedule="one_cycle"), steps=10)
    found = [float(cycle(step)) for step in (0, 5, 10, 25, 40, 99)]
    assert found == pytest.approx([4e-4, 0.0052, 0.01, 0.0050005, 1e-6, 1e-6], rel=1e-3)
    again = type(cycle).from_config(cycle.get_config())
    assert float(again(17)) == float(cycle(17))


@pytest.mark.parametrize("schedule", ["cosine", "linear", "one_cycle", "constant"])
def test_the_learning_rate_is_told_without_a_program_of_its_own(schedule, monkeypatch):
    settings = Training(epochs=4, batch_size=16, schedule=schedule, warmup=0.25)
    adam = keras.optimizers.AdamW(learning_rate(settings, steps=10))
    steps = [0, 5, 10, 25, 40]
    used, told = [], []
    for step in steps:
        adam.iterations.assign(step)
        used.append(float(adam.learning_rate))
    monkeypatch.setattr(RiseAndFall, "__call__", lambda *_: pytest.fail("Keras' operations"))
    for step in steps:
        adam.iterations.assign(step)
        told.append(rate_of(keras.optimizers.LossScaleOptimizer(adam)))
    assert told == pytest.approx(used, rel=1e-6)


def test_gradients_of_several_batches_move_the_weights_once(monkeypatch):
    """The mean of two batches' gradients is the gradient of both together, where all is labelled."""
    # Two batches do not drop what one of both drops.
    monkeypatch.setattr(Dropout, "call", lambda self, inputs, training=False: inputs)
    declared = one_feature()
    cells = {"size": np.linspace(-1, 1, 32), "price": np.linspace(0, 3, 32) ** 2}
    settings = replace(THREE_STEPS, clip_norm=None, learning_rate=0.01, schedule="constant")
    one, two = (
        fitted(
            declared,
            batches_of(declared, each, Table.read(cells)),
            each,
        )
        for each in (replace(settings, batch_size=32), replace(settings, accumulate=2))
    )
    start = tiny.values(Predictor.build(declared, seed=5).model)
    for path, value in tiny.values(one.model).items():
        # Adam's first step has the sign of the gradient, and that of a 0 is rounding.
        apart = np.abs(tiny.values(two.model)[path] - value) > 1e-4
        assert apart.mean() < 0.05, path
    assert any((value != start[path]).any() for path, value in tiny.values(one.model).items())


class Overflowing(keras.optimizers.LossScaleOptimizer):
    """Its first gradients in half precision are not finite, and move nothing."""

    def __init__(self, inner_optimizer):
        super().__init__(inner_optimizer, initial_scale=2.0**22)


@pytest.mark.parametrize(
    "settings", [{"ema": 0.6}, {"swa_from": 0.5}, {"swa_from": 0.5, "precision": "float16"}]
)
def test_the_average_of_the_weights_is_kept_in_their_place(settings, monkeypatch):
    """Beside the same average made by hand, batch by batch."""
    settings = replace(THREE_STEPS, epochs=4, patience=4, **settings)
    declared = replace(one_feature(), precision=settings.precision)
    monkeypatch.setattr("keras.optimizers.LossScaleOptimizer", Overflowing)
    seen = []

    class Look(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if hasattr(self.model, "jax_state_sync"):
                self.model.jax_state_sync()
            seen.append([keras.ops.convert_to_numpy(v) for v in self.model.trainable_variables])

    batches = batches_of(declared, settings)
    trained = fitted(declared, batches, settings, callbacks=[Look()])
    start = tiny.values(Predictor.build(declared, seed=5).model)
    mean = [start[v.path] for v in trained.model.trainable_variables]
    steps, samples = batches.steps, 0
    for step, weights in enumerate(seen):
        if settings.ema is not None:
            new = 1 - min(settings.ema, (1 + step) / (10 + step))
        elif step < settings.swa_from * steps * settings.epochs:
            new = 1.0
        else:
            new = 1 / (samples + 1) if (step + 1) % steps == 0 else 0.0
            samples += (step + 1) % steps == 0
        mean = [old + new * (now - old) for old, now in zip(mean, weights, strict=True)]
    found = tiny.values(trained.predictor.model)
    for variable, value in zip(trained.model.trainable_variables, mean, strict=True):
        np.testing.assert_allclose(found[variable.path], value, rtol=1e-5, atol=1e-6)
        # In training they are the weights themselves.
    assert any((value != weights).any() for value, weights in zip(mean, seen[-1], strict=True))
    still = all((a == b).all() for a, b in zip(seen[0], seen[1], strict=True))
    assert still == (settings.precision == "float16")


@pytest.mark.parametrize(("steps", "accumulate"), [(3, 1), (3, 2), (4, 3), (2, 5)])
def test_the_end_of_each_epoch_is_a_sample_whatever_is_accumulated(steps, accumulate):
    weight = keras.Variable(np.zeros(1, "float32"))
    average, samples = WeightAverage([weight], None, steps, every=steps), []
    for batch in range(6 * steps):
        moved = (batch + 1) % accumulate == 0
        if moved:
            weight.assign([float(batch + 1)])
        average.update(moved)
        if batch >= steps and (batch + 1) % steps == 0:
            samples.append(float(weight.numpy()[0]))
    assert average.variables[0].numpy() == pytest.approx(np.mean(samples))


@pytest.mark.parametrize("momentum", [0.9, None])
def test_the_average_of_what_learns_no_more_stays_as_it_is(momentum):
    layer = keras.layers.Dense(1, use_bias=False, kernel_initializer="zeros")
    layer.build((None, 1))
    average = WeightAverage(layer.trainable_variables, momentum)
    layer.kernel.assign([[1.0]])
    average.update(True)
    held = float(average.variables[0].numpy()[0, 0])
    layer.trainable = False
    layer.kernel.assign([[9.0]])
    average.update(True)
    assert float(average.variables[0].numpy()[0, 0]) == held > 0


def test_a_loss_that_is_not_finite_in_the_first_epoch_is_an_error():
    settings = replace(THREE_STEPS, learning_rate=1e30, clip_norm=None, epochs=2)
    with pytest.raises(PlaitError, match="learning_rate"):
        fitted(one_feature(), settings=settings)


def test_labels_are_counted_by_task():
    declared = tiny.declaration()
    labelled = labelled_rows(declared.tasks, Table.read(tiny.columns()))
    assert label_coverage(labelled) == {
        "sold": {"labelled": 30, "rows": 40},
        "price": {"labelled": 33, "rows": 40},
    }
    gone = labelled_rows(declared.tasks, Table.read({"age": [1.0]}))
    assert not any(there.any() for there in gone.values())


class Wild(Batches):
    """From the second epoch on row 17 has a price that no loss can bear."""

    def batch(self, epoch, index):
        x, y, weights = super().batch(epoch, index)
        rows = self.numbers(epoch, index)
        if epoch > 1:
            y["price"][: len(rows)][rows == 17] = np.inf
        return x, y, weights


@pytest.mark.backends
@pytest.mark.parametrize("balancing", [None, PCGrad()])
def test_a_bad_loss_is_named_with_its_rows_in_the_table(balancing):
    settings, declared = replace(THREE_STEPS, epochs=4), tiny.declaration()
    batches = batches_of(declared, settings, kind=Wild)
    trained = fitted(declared, batches, settings, balancing=balancing)
    (batch,) = (n for n in range(3) if 17 in batches.numbers(2, n))
    assert trained.ended.startswith("Task 'price': the loss is not finite at step")
    assert trained.ended.endswith(f"batch {batch + 1} of epoch 2, in row 17 of {batches.table}.")


def test_where_no_row_stands_out_all_of_the_batch_are_named():
    batches = batches_of(tiny.declaration())
    bad = BadLoss(task=None, step=1, epoch=0, batch=2, places=(), count=0)
    rows = sorted(batches.numbers(1, 2).tolist())
    assert rows_of(bad, batches) == (
        f"That was batch 3 of epoch 1, in rows {', '.join(map(str, rows))} of {batches.table}."
    )


LEARNING = replace(THREE_STEPS, epochs=4, patience=4, learning_rate=0.005)


@pytest.fixture(scope="module")
def whole():
    """Trained in float32."""
    return fitted(tiny.declaration(width=16), settings=LEARNING, balancing=PCGrad())


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_half_precision_learns_what_float32_does_and_is_saved(precision, whole, tmp_path):
    table = Table.read(tiny.columns())
    declared = tiny.declaration(width=16, precision=precision)
    half = fitted(declared, settings=replace(LEARNING, precision=precision), balancing=PCGrad())
    layers = {layer.name: layer for layer in half.model.layers}
    assert {layers[n].compute_dtype for n in ("kind__encoder", "fusion", "sharing")} == {precision}
    assert {w.dtype for w in half.model.weights} == {"float32"}
    assert {z.dtype for z in half.model.output.values()} == {"float32"}
    # Of 12 steps float16 has skipped one, until the scale of its losses was found.
    first, last = half.history[0].loss, half.history[-1].loss
    assert last == pytest.approx(whole.history[-1].loss, rel=0.2)
    assert last < 0.7 * first
    half.predictor.save(tmp_path / "m.plait")
    again = Predictor.load(tmp_path / "m.plait")
    assert again.model.get_layer("sharing").compute_dtype == precision
    given = half.predictor.logits(table)
    for task, logits in again.logits(table).items():
        np.testing.assert_array_equal(logits, given[task])
    # The same weights answer alike in both.
    again.model.set_weights(whole.predictor.model.get_weights())
    exact, found = (score(p.tasks, p.logits(table), table) for p in (whole.predictor, again))
    assert found["sold"]["log_loss"] == pytest.approx(exact["sold"]["log_loss"], rel=0.03)
    assert found["price"]["mae"] == pytest.approx(exact["price"]["mae"], rel=0.03)


def test_losses_in_float16_are_scaled():
    settings = replace(THREE_STEPS, precision="float16")
    optimizer = built(tiny.declaration(precision="float16"), settings, None, 3, 5).model.optimizer
    assert isinstance(optimizer, keras.optimizers.LossScaleOptimizer)
    assert optimizer.inner_optimizer.global_clipnorm == THREE_STEPS.clip_norm


def test_the_rows_that_select_are_read_once_for_a_balancer_that_looks_at_them_too():
    validation = Validation.of(tiny.declaration(), Table.read(tiny.columns()))
    assert validation.batches(tiny.declaration().tasks, 16).looked is validation.rows
