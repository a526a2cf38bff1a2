"""The balanced step against the plain one, and against gradients taken one task at a time."""

import functools

import keras
import numpy as np
import pytest

import plait
from plait.balancing import Aggregator, GramianWeighting, Update

from .again import Start
from .graphs import GRAPHS, data_for
from .ways import OfGramian

pytestmark = pytest.mark.backends


class Fixed(GramianWeighting):
    """The same weights whatever the Gramian: the step must then be one that is known."""

    def __init__(self, values, **kwargs):
        super().__init__(**kwargs)
        self.values = values

    def weights(self, evidence, context):
        assert evidence.gramian.shape == (len(context.tasks),) * 2
        return keras.ops.convert_to_tensor(self.values, "float32"), []


def stepped(graph, data, steps=2, loss_weights=None, optimizer=None, **compiled):
    """The weights by their path after some steps from the graph's own start."""
    inputs, outputs, _ = graph()
    model = plait.MultiTaskModel(inputs, outputs)
    model.compile(
        optimizer or keras.optimizers.SGD(0.1), loss="mse", loss_weights=loss_weights, **compiled
    )
    x, y = data
    logs = model.fit(x, y, batch_size=5, epochs=steps // 2, shuffle=False, verbose=0).history
    weights = {w.path: keras.ops.convert_to_numpy(w) for w in model.weights}
    return weights, logs, model


@functools.cache
def balanced(graph, level):
    """A compiled model whose balancer weighs all alike and remembers the Gramian, and its start."""
    inputs, outputs, _ = graph()
    model = plait.MultiTaskModel(inputs, outputs)
    ones = OfGramian(dict.fromkeys(outputs, 1.0), level=level)
    model.compile(keras.optimizers.SGD(0.1), loss="mse", balancing=ones)
    return model, Start(model)


def graph_data(graph):
    inputs, outputs, _ = graph()
    return data_for(inputs, outputs)


@functools.cache
def plainly_stepped(graph):
    return stepped(graph, graph_data(graph))[:2]


def by_layer(weights):
    return {"/".join(path.split("/")[-2:]): value for path, value in weights.items()}


@pytest.mark.parametrize("level", ["representation", "parameters"])
@pytest.mark.parametrize("graph", GRAPHS.values(), ids=GRAPHS)
def test_weights_of_one_are_the_plain_step(graph, level):
    """Dropout, batch statistics, regularisers, masks and tied layers come through the cut."""
    plain, plain_logs = plainly_stepped(graph)
    model, start = balanced(graph, level)
    start.restore()
    logs = model.fit(*graph_data(graph), batch_size=5, shuffle=False, verbose=0).history
    for weight in model.weights:
        found, path = keras.ops.convert_to_numpy(weight), weight.path
        np.testing.assert_allclose(found, plain[path], atol=2e-6, err_msg=path)
    np.testing.assert_allclose(logs["loss"], plain_logs["loss"], rtol=1e-5)


class Sum(Aggregator):
    """The rows as they are."""

    def update(self, evidence, context):
        for rows, value in zip(evidence.gradients, evidence.shared, strict=True):
            assert rows.shape == (len(context.tasks), *value.shape)
        sums = [keras.ops.sum(rows, axis=0) for rows in evidence.gradients]
        return Update(sums, keras.ops.cast(context.active, "float32"))


@pytest.mark.parametrize("level", ["representation", "parameters"])
@pytest.mark.parametrize("graph", GRAPHS.values(), ids=GRAPHS)
def test_the_sum_of_the_rows_is_the_plain_step(graph, level):
    data = graph_data(graph)
    plain, _ = plainly_stepped(graph)
    summed, _, _ = stepped(graph, data, balancing=Sum(level=level))
    for path, value in plain.items():
        np.testing.assert_allclose(summed[path], value, atol=2e-6, err_msg=path)


@pytest.mark.parametrize("graph", GRAPHS.values(), ids=GRAPHS)
def test_the_gramian_at_parameters_is_that_of_gradients_taken_one_task_at_a_time(graph):
    inputs, outputs, _ = graph()
    x, y = data_for(inputs, outputs, rows=5)
    model, start = balanced(graph, "parameters")
    start.restore()
    model.fit(x, y, batch_size=5, shuffle=False, verbose=0)
    cut = model.network.cut
    shared = {v.path for v in cut.trunk_variables}
    names = [v.path for t in outputs for v in cut.head_variables(t)]
    shared |= {p for p in names if names.count(p) > 1}
    nothing = {t: np.full_like(v, np.nan) for t, v in y.items()}
    plain = plait.MultiTaskModel(*graph()[:2])
    plain.compile(keras.optimizers.SGD(1.0), loss="mse")
    start = Start(plain)

    def moved(labels):
        start.restore()
        plain.fit(x, labels, batch_size=5, shuffle=False, verbose=0)
        found = {w.path: keras.ops.convert_to_numpy(w) for w in plain.weights}
        return np.concatenate([found[p].ravel() for p in sorted(shared & set(found))])

    # Regularisers move the weights of every run.
    rest = moved(nothing)
    rows = [rest - moved({**nothing, task: y[task]}) for task in outputs]
    expected = np.array(rows) @ np.array(rows).T
    seen = keras.ops.convert_to_numpy(model.balancing.seen)
    np.testing.assert_allclose(seen, expected, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("level", ["representation", "parameters"])
def test_weights_move_the_trunk_and_only_if_asked_the_heads(level):
    data = graph_data(GRAPHS["two_inputs_with_two_trunks"])
    step = lambda **k: stepped(GRAPHS["two_inputs_with_two_trunks"], data, steps=2, **k)[0]  # noqa: E731
    expected = step(loss_weights={"a": 3.0, "b": 0.5})
    weighed = step(balancing=Fixed([3.0, 0.5], level=level, weight_heads=True))
    for path, value in expected.items():
        np.testing.assert_allclose(weighed[path], value, atol=2e-5, err_msg=path)
    one_batch = ({k: v[:5] for k, v in data[0].items()}, {k: v[:5] for k, v in data[1].items()})
    trunk_only, _, _ = stepped(
        GRAPHS["two_inputs_with_two_trunks"], one_batch, balancing=Fixed([3.0, 0.5], level=level)
    )
    plain, _, _ = stepped(GRAPHS["two_inputs_with_two_trunks"], one_batch)
    weighted, _, _ = stepped(
        GRAPHS["two_inputs_with_two_trunks"], one_batch, loss_weights={"a": 3.0, "b": 0.5}
    )
    for path, value in trunk_only.items():
        head = path.split("/")[-2] in ("a", "b")
        np.testing.assert_allclose(value, (plain if head else weighted)[path], atol=2e-6)


def test_pcgrad_at_parameters_is_surgery_on_gradients_taken_one_task_at_a_time():
    graph = GRAPHS["two_inputs_with_two_trunks"]
    inputs, outputs, _ = graph()
    x, y = data_for(inputs, outputs, rows=5)
    start = plait.MultiTaskModel(inputs, outputs)
    before = {w.path: keras.ops.convert_to_numpy(w) for w in start.weights}
    rows = {}
    for task in ("a", "b"):
        after, _, _ = stepped(
            graph,
            (x, y),
            loss_weights={"a": 0.0, "b": 0.0, task: 1.0},
            optimizer=keras.optimizers.SGD(1.0),
        )
        rows[task] = {p: before[p] - after[p] for p in before}
    trunk = [p for p in before if p.split("/")[-2] in ("one", "two")]
    g = {t: np.concatenate([rows[t][p].ravel() for p in trunk]) for t in rows}
    product = g["a"] @ g["b"]
    if product >= 0:  # make it a conflict: flip what task b is asked for
        y["b"] = -y["b"] - 3
        return_to = stepped(
            graph, (x, y), loss_weights={"a": 0.0, "b": 1.0}, optimizer=keras.optimizers.SGD(1.0)
        )[0]
        rows["b"] = {p: before[p] - return_to[p] for p in before}
        g["b"] = np.concatenate([rows["b"][p].ravel() for p in trunk])
        product = g["a"] @ g["b"]
    assert product < 0
    expected = (
        g["a"]
        - product / (g["b"] @ g["b"]) * g["b"]
        + g["b"]
        - product / (g["a"] @ g["a"]) * g["a"]
    )
    after, logs, _ = stepped(
        graph,
        (x, y),
        balancing=plait.PCGrad(level="parameters"),
        optimizer=keras.optimizers.SGD(1.0),
    )
    moved = np.concatenate([(before[p] - after[p]).ravel() for p in trunk])
    np.testing.assert_allclose(moved, expected, atol=1e-5)
    assert logs["conflict_rate"] == [1.0]


def test_the_two_levels_agree_where_theory_says_so():
    """With one row and one linear trunk layer, g_t = input (x) Z_t: the Gramians are proportional."""

    def linear():
        x = keras.Input((5,), name="x")
        z = keras.layers.Dense(6, use_bias=False, kernel_initializer="glorot_uniform", name="z")(x)
        return x, {t: keras.layers.Dense(1, name=t)(z) for t in "abc"}, None

    inputs, outputs, _ = linear()
    start = plait.MultiTaskModel(inputs, outputs)
    x, y = data_for(inputs, outputs, rows=1, seed=4)
    results = []
    for level in ("representation", "parameters"):
        model = keras.models.clone_model(start)
        model.set_weights(start.get_weights())
        model.compile(keras.optimizers.SGD(0.1), loss="mse", balancing=plait.PCGrad(level=level))
        logs = model.fit(x, y, batch_size=1, epochs=1, verbose=0).history
        results.append([*model.get_weights(), [logs[f"{t}_weight"][0] for t in "abc"]])
    for ours, theirs in zip(*results, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-5, rtol=1e-5)
