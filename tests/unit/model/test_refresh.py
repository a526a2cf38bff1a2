"""Gradients compared in some steps only, or on some rows only."""

import keras
import numpy as np
import pytest

import plait
from plait.balancing import GramianWeighting
from plait.model._asked import Asked, Held
from plait.model._network import TaskLosses

from .graphs import GRAPHS, data_for
from .test_step import stepped

at_both_levels = pytest.mark.parametrize("level", ["representation", "parameters"])
graph = GRAPHS["two_inputs_with_two_trunks"]


class Counting(GramianWeighting):
    """Every weight is how often it was asked."""

    def build(self, tasks):
        super().build(tasks)
        self.times = keras.Variable(0.0, trainable=False, name="times")

    @property
    def variables(self):
        return [self.times] if self.tasks else []

    def weights(self, evidence, context):
        self.times.assign(keras.ops.convert_to_tensor(self.times) + 1.0)
        active = keras.ops.cast(context.active, "float32")
        return active * keras.ops.convert_to_tensor(self.times), []


class Seen(GramianWeighting):
    """Weights of one, and the Gramian and the active tasks kept for the test."""

    def weights(self, evidence, context):
        self.gramian = keras.ops.convert_to_numpy(evidence.gramian)
        self.active = keras.ops.convert_to_numpy(context.active)
        return keras.ops.cast(context.active, "float32"), []


def trained(balancing, labels=None, batch=2, of=graph):
    """Five batches of two rows."""
    inputs, outputs, _ = of()
    x, y = data_for(inputs, outputs, rows=10)
    model = plait.MultiTaskModel(inputs, outputs)
    model.compile(keras.optimizers.SGD(0.1), loss="mse", balancing=balancing)
    logs = model.fit(
        x, {**y, **(labels or {})}, batch_size=batch, epochs=1, shuffle=False, verbose=0
    ).history
    return logs, {w.path: keras.ops.convert_to_numpy(w) for w in model.weights}


@at_both_levels
def test_the_last_weights_hold_until_the_next_refresh(level):
    counting = Counting(level=level, refresh_every=3)
    logs, _ = trained(counting)
    assert float(counting.times) == 2  # steps 0 and 3 of five
    assert logs["a_weight"] == [pytest.approx((1 + 1 + 1 + 2 + 2) / 5)]


def test_a_task_that_nobody_weighed_yet_has_the_others_weight():
    late = np.where(np.arange(10)[:, None] < 4, np.nan, 1.0).astype("float32")
    counting = Counting(refresh_every=4)
    logs, _ = trained(counting, {"b": late})
    assert float(counting.times) == 2  # steps 0 and 4; b has its first label in step 2
    assert logs["a_weight"] == [pytest.approx((1 + 1 + 1 + 1 + 2) / 5)]
    assert logs["b_weight"] == [pytest.approx((1 + 1 + 2) / 3)]


def test_a_refresh_that_overflows_in_float16_leaves_no_weight_behind():
    """Until the next refresh the tasks count alike."""
    inputs, outputs, _ = graph()
    x, y = data_for(inputs, outputs, rows=4)
    model = plait.MultiTaskModel(inputs, outputs)
    scaled = keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(0.1), initial_scale=1e38)
    model.compile(scaled, loss="mse", balancing=plait.PCGrad(refresh_every=100))
    model.train_on_batch({k: 1e4 * v for k, v in x.items()}, y)
    scaled.dynamic_scale.assign(8.0)
    before = model.get_weights()
    logs = model.train_on_batch(x, y, return_dict=True)
    assert logs["a_weight"] == logs["b_weight"] == 1
    assert np.isfinite(list(logs.values())).all()
    assert all((old != new).any() for old, new in zip(before, model.get_weights(), strict=True))


@at_both_levels
def test_steps_between_are_the_weighted_sum(level):
    """Weights of one held for ever: all but the first step come without a Gramian."""

    class Ones(GramianWeighting):
        def weights(self, evidence, context):
            return keras.ops.cast(context.active, "float32"), []

    data = data_for(*graph()[:2])
    plain, _, _ = stepped(graph, data)
    held, _, _ = stepped(graph, data, balancing=Ones(level=level, refresh_every=100))
    for path, value in plain.items():
        np.testing.assert_allclose(held[path], value, atol=2e-6, err_msg=path)


@at_both_levels
def test_a_gramian_of_some_rows_estimates_that_of_all(level):
    inputs, outputs, _ = graph()
    x, y = data_for(inputs, outputs, rows=10)
    first = ({k: v[:4] for k, v in x.items()}, {k: v[:4] for k, v in y.items()})
    found = []
    for data, gram_batch in (((x, y), 4), (first, None)):
        seen = Seen(level=level, gram_batch=gram_batch)
        inputs, outputs, _ = graph()
        model = plait.MultiTaskModel(inputs, outputs)
        model.compile("sgd", loss="mse", balancing=seen, run_eagerly=True)
        model.train_on_batch(*data)
        found.append(seen.gramian)
    # At the representation a row's gradient is divided by the rows of its batch, and a batch's
    # Gramian is the sum over its rows: of n rows about 1/n of the one of a single row.
    expected = found[1] * (4 / 10 if level == "representation" else 1)
    np.testing.assert_allclose(found[0], expected, rtol=1e-4)


@at_both_levels
def test_a_task_without_a_label_among_the_compared_rows_is_not_compared(level):
    late = np.where(np.arange(10)[:, None] < 4, np.nan, 1.0).astype("float32")
    inputs, outputs, _ = graph()
    x, y = data_for(inputs, outputs, rows=10)
    seen = Seen(level=level, gram_batch=4)
    model = plait.MultiTaskModel(inputs, outputs)
    model.compile("sgd", loss="mse", balancing=seen, run_eagerly=True)
    model.train_on_batch(x, {**y, "b": late})
    assert seen.active.tolist() == [True, False]


@at_both_levels
def test_a_task_that_a_refresh_cannot_compare_keeps_its_weight(level):
    # Steps 0, 2 and 4 weigh; b has a label in step 2, but none in the row that is compared.
    away = np.where(np.arange(10)[:, None] == 4, np.nan, 1.0).astype("float32")
    counting = Counting(level=level, refresh_every=2, gram_batch=1)
    logs, _ = trained(counting, {"b": away}, of=GRAPHS["plain_trunk"])
    assert float(counting.times) == 3
    assert logs["a_weight"] == [pytest.approx((1 + 1 + 2 + 2 + 3) / 5)]
    assert logs["b_weight"] == [pytest.approx((1 + 1 + 1 + 1 + 3) / 5)]


@at_both_levels
def test_a_task_that_was_not_compared_yet_has_the_others_weight_until_it_is(level):
    # Steps 0 and 2 compare a alone, though b has labels in both; step 4 compares both.
    late = np.where(np.isin(np.arange(10)[:, None], [0, 4]), np.nan, 1.0).astype("float32")
    counting = Counting(level=level, refresh_every=2, gram_batch=1)
    logs, _ = trained(counting, {"b": late}, of=GRAPHS["plain_trunk"])
    assert float(counting.times) == 3
    assert logs["b_weight"] == [pytest.approx((1 + 1 + 2 + 2 + 3) / 5)]


def test_refreshes_are_counted_over_calls_and_epochs_and_files(tmp_path):
    inputs, outputs, _ = graph()
    x, y = data_for(inputs, outputs, rows=4)
    model = plait.MultiTaskModel(inputs, outputs)
    model.compile("sgd", loss="mse", balancing=Counting(refresh_every=4))
    for _ in range(3):
        model.train_on_batch(x, y)
    assert float(model.balancing.times) == 1
    model.fit(x, y, batch_size=2, epochs=2, verbose=0)
    assert float(model.balancing.times) == 2  # steps 0 and 4 of seven
    with keras.saving.custom_object_scope({"Counting": Counting}):
        model.save(tmp_path / "model.keras")
        loaded = keras.saving.load_model(tmp_path / "model.keras")
    loaded.fit(x, y, batch_size=4, verbose=0)
    assert float(loaded.balancing.times) == 2
    loaded.fit(x, y, batch_size=4, verbose=0)
    assert float(loaded.balancing.times) == 3


@pytest.mark.skipif(keras.backend.backend() == "torch", reason="Keras has one step an execution")
def test_refreshes_are_counted_in_several_steps_an_execution():
    found = []
    for steps in (1, 4):
        inputs, outputs, _ = graph()
        x, y = data_for(inputs, outputs, rows=10)
        model = plait.MultiTaskModel(inputs, outputs)
        counting = Counting(refresh_every=3)
        model.compile("sgd", loss="mse", balancing=counting, steps_per_execution=steps)
        data = {"x": x, "y": y, "batch_size": 2, "epochs": 2, "shuffle": False, "verbose": 0}
        found.append(model.fit(**data).history)
        assert float(counting.times) == 4  # steps 0, 3, 6 and 9 of ten
    assert found[1].keys() == found[0].keys()
    for name, values in found[0].items():
        np.testing.assert_allclose(found[1][name], values, rtol=1e-5, err_msg=name)


def test_the_steps_of_an_accumulated_one_are_weighed_alike():
    inputs, outputs, _ = graph()
    x, y = data_for(inputs, outputs, rows=10)
    model = plait.MultiTaskModel(inputs, outputs)
    counting = Counting(refresh_every=2)
    two = keras.optimizers.SGD(0.1, gradient_accumulation_steps=2)
    model.compile(two, loss="mse", balancing=counting)
    model.fit(x, y, batch_size=2, shuffle=False, verbose=0)
    assert float(counting.times) == 3  # batches 0, 1 and 4 of five


@pytest.mark.parametrize("value", [0, -1, 2.5, True, "3"])
@pytest.mark.parametrize(
    ("make", "argument"),
    [(plait.PCGrad, "refresh_every"), (plait.PCGrad, "gram_batch"), (plait.PSMGD, "refresh_every")],
)
def test_what_is_no_count_is_refused(make, argument, value):
    with pytest.raises(
        ValueError, match=f"{make.__name__}: {argument} is a whole number, 1 or more"
    ):
        make(**{argument: value})


def in_steps(balancer, gramians, active=None):
    """The weights that the step takes, one step after the other."""
    size = len(gramians[0])
    tasks = tuple("abc"[:size])
    balancer.build(tasks)
    held, found = Held(size), []
    active = np.ones((len(gramians), size)) if active is None else active
    for step, (gramian, labelled) in enumerate(zip(gramians, active, strict=True)):
        there = keras.ops.convert_to_tensor(np.array(labelled), "float32")
        inside = keras.ops.convert_to_tensor(gramian, "float32") * there[:, None] * there[None]
        number = keras.ops.convert_to_tensor(step, "int32")
        looks = step % balancer.refresh_every == 0
        asked = Asked(balancer, tasks, number, number, (), looks, held)
        losses = TaskLosses(there, there, there)
        weighed = asked.weigh_when_due(losses, lambda inside=inside: inside)
        found.append(keras.ops.convert_to_numpy(weighed.weights))
    return np.array(found)


def test_psmgd_by_hand():
    # MGDA gives (1/2, 1/2), and (3/4, 1/4) from then on.
    gramians = [np.eye(2), *[np.diag([1.0, 3.0])] * 3]
    found = in_steps(plait.PSMGD(refresh_every=2), gramians)
    expected = [[1 / 2] * 2, [1 / 2] * 2, [3 / 4, 1 / 4], [3 / 4, 1 / 4]]
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_between_refreshes_the_state_of_what_psmgd_is_around_stays():
    """GradVac orders the tasks by the step, and of two there is but one order."""
    draw = np.random.default_rng(0)
    rows = draw.normal(size=(6, 2, 5)) + 1.0
    gramians = rows @ rows.transpose(0, 2, 1)
    found = in_steps(plait.PSMGD(plait.GradVac(beta=0.5), refresh_every=3), gramians)
    expected = in_steps(plait.PSMGD(plait.GradVac(beta=0.5), refresh_every=1), gramians[[0, 3]])
    np.testing.assert_allclose(found, np.repeat(expected, 3, axis=0), rtol=1e-6)


def test_psmgd_gives_a_late_task_the_mean_weight_and_keeps_that_of_one_that_is_away():
    active = np.array([[1, 1, 0], [1, 1, 1], [1, 0, 1], [1, 0, 1], [1, 1, 1]])
    gramians = [np.diag([1.0, 1.0, 2.0])] * 5
    found = in_steps(plait.PSMGD(refresh_every=3), gramians, active)
    expected = [
        [0.5, 0.5, 0],
        [0.5, 0.5, 0.5],
        [0.5, 0, 0.5],
        [2 / 3, 0, 1 / 3],
        [2 / 3, 0.5, 1 / 3],
    ]
    np.testing.assert_allclose(found, expected, rtol=1e-5)
