"""Gradients compared in some steps only, or on some rows only."""

import keras
import numpy as np
import pytest

import plait
from plait.balancing import GramianWeighting

from .graphs import GRAPHS, data_for
from .test_step import stepped

pytestmark = pytest.mark.backends
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


def trained(balancing, labels=None, batch=2):
    """Five batches of two rows."""
    inputs, outputs, _ = graph()
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


def test_a_task_that_nobody_weighed_yet_asks_for_a_refresh():
    late = np.where(np.arange(10)[:, None] < 4, np.nan, 1.0).astype("float32")
    counting = Counting(refresh_every=100)
    logs, _ = trained(counting, {"b": late})
    assert float(counting.times) == 2  # steps 0 and 2, where b has its first label
    assert logs["a_weight"] == [pytest.approx((1 + 1 + 2 + 2 + 2) / 5)]
    assert logs["b_weight"] == [2.0]


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


@pytest.mark.parametrize("argument", ["refresh_every", "gram_batch"])
def test_numbers_below_one_are_refused(argument):
    with pytest.raises(ValueError, match=f"PCGrad: {argument} is at least 1"):
        plait.PCGrad(**{argument: -1})
