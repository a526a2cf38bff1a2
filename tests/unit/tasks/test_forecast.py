"""The next steps of a series: their scale, what is known of them, and their scores."""

import keras
import numpy as np
import pyarrow as pa
import pytest

import plait
from plait.errors import ConfigError, DataError, PlaitError
from plait.features import Number, Series, fit_features
from plait.fusion import Concat
from plait.inference import check_names, connect
from plait.sharing import HardSharing
from plait.table import Table
from plait.tasks import Forecast

PAST = [{"a": [0.0, 2.0], "b": [10.0, None]}, {"a": [2.0, None], "b": [30.0, 50.0]}, None]
NEXT = [
    {"a": [1.0, None], "b": [10.0, 30.0]},
    {"a": [3.0, 5.0], "b": None},
    {"a": [9.0, 9.0], "b": None},
]


def fitted(task=None, past=PAST, after=NEXT, **arguments):
    table = Table(pa.table({"past": past, "next": after}), "train.csv")
    features = fit_features({"past": Series()}, table)
    task = (task or Forecast(of="past", horizon=2, **arguments)).beside(features, table)
    return task.fit(table.column("next")).beside(features, table), features, table


def test_each_variable_is_standardised_by_its_known_cells():
    task, _, table = fitted(past=PAST[:2], after=NEXT[:2])
    assert task.learnt["names"] == ["a", "b"]
    # 1, 3 and 5; 10 and 30.
    np.testing.assert_allclose(task.learnt["mean"], [3, 20])
    np.testing.assert_allclose(task.learnt["std"], [np.sqrt(8 / 3), 10])
    targets = task.targets(table.column("next"))
    np.testing.assert_allclose(targets.values[0, :, 1, 0], [-1, 1])
    np.testing.assert_array_equal(targets.values[..., 1], [[[1, 1], [0, 1]], [[1, 0], [1, 0]]])


def test_a_variable_that_was_constant_has_a_unit():
    """The mean of many 0.1 is a little off."""
    after = [{"a": [float(n), 0.0], "b": [0.1, 0.1]} for n in range(1, 12)]
    task, _, _ = fitted(past=[{"a": [0.0, 1.0], "b": [0.1, 0.1]}] * 11, after=after)
    assert task.learnt["mean"][1] != 0.1
    assert task.learnt["std"][1] == 1
    later = Table(pa.table({"next": [{"a": [1.0, 1.0], "b": [0.2, 0.1]}]})).column("next")
    np.testing.assert_allclose(task.targets(later).values[0, :, 1, 0], [0.1, 0], atol=1e-6)
    # The history is brought to it, too.
    assert task.learnt["scale"][1] == 1


@pytest.mark.parametrize(
    ("error", "score", "trivial"),
    # The deviations of 1, 3 and 8 are 3, 1 and 4 from the mean, 2, 0 and 5 from the median.
    [("mse", "scaled_mse", 1.0), ("mae", "scaled_mae", 7 / 3 / np.sqrt(26 / 3))],
)
def test_a_model_is_selected_by_the_error_that_it_learns(error, score, trivial):
    rows = {"past": [[0.0]] * 3, "after": [[1.0], [3.0], [8.0]]}
    task, _, table = fitted(Forecast(of="past", horizon=1, error=error), **rows)
    assert task.main_score == score
    scores = task.scores(np.repeat(task.trivial_logits(), 3, axis=0), table.column("next"))
    assert scores[score] == pytest.approx(trivial)
    assert task.gain(scores) == pytest.approx(0, abs=1e-6)
    assert task.gain({**scores, score: trivial / 4}) == pytest.approx(0.75)


def test_the_loss_is_the_mean_over_a_rows_known_cells():
    loss = Forecast(of="past", horizon=2, error="mse").with_state({"trivial_loss": 2.0}).loss()
    y = np.zeros((3, 2, 2, 2), "float32")
    y[0, 0, 0] = (1, 1)
    y[0, 1, 1] = (5, 1)
    y[1, 0, 1] = (np.inf, 0)
    y[1, 1, 0] = (2, 1)
    given = keras.ops.convert_to_numpy(loss.call(y, np.zeros((3, 2, 2), "float32")))
    # (1 + 25) / 2, 4 and nothing, each divided by 2.
    np.testing.assert_allclose(given, [6.5, 2, 0])


def test_a_gap_in_the_target_moves_no_weight():
    """The gradient is that of the known cells, whatever stands in the others."""
    task, features, table = fitted()
    weights = []
    for filling in (0.0, 1e6):
        parts = (features, {"next": task}, Concat(8), HardSharing())
        model = plait.MultiTaskModel(*connect(*parts, width=8))
        model.compile(keras.optimizers.SGD(0.1), loss={"next": task.loss()})
        start = start_of(model)
        targets = task.targets(table.column("next"))
        values = targets.values.copy()
        values[..., 0] = np.where(values[..., 1] > 0, values[..., 0], filling)
        x = plait.data.FeatureRows(features, table).inputs(np.arange(3))
        model.train_on_batch(x, {"next": values}, {"next": targets.labelled.astype("float32")})
        weights.append(start_of(model))
        assert any(np.abs(a - b).max() > 0 for a, b in zip(start, weights[-1], strict=True))
    for one, other in zip(*weights, strict=True):
        np.testing.assert_array_equal(one, other)


def start_of(model):
    return [keras.ops.convert_to_numpy(v) for v in model.trainable_variables]


def test_a_new_model_goes_on_with_the_last_values():
    task, features, table = fitted()
    keras.utils.set_random_seed(0)
    inputs, outputs = connect(features, {"next": task}, Concat(8), HardSharing(), width=8)
    model = keras.Model(inputs, outputs)
    head = next(layer for layer in model.layers if isinstance(layer, plait.ForecastHead))
    head.fall.kernel.assign(np.zeros(head.fall.kernel.shape))
    x = plait.data.FeatureRows(features, table).inputs(np.arange(3))
    answers = task.decode(keras.ops.convert_to_numpy(model(x)["next"]))[""].to_pylist()
    assert answers[0]["a"] == pytest.approx([2, 2], rel=1e-4)
    assert answers[0]["b"] == pytest.approx([10, 10], rel=1e-4)
    assert answers[1]["b"] == pytest.approx([50, 50], rel=1e-4)
    # Without a history the training mean.
    assert answers[2]["a"] == pytest.approx([task.learnt["mean"][0]] * 2, rel=1e-4)


def test_scores_are_those_of_the_known_cells():
    task, _, table = fitted()
    state = task.learnt
    logits = (np.zeros((3, 2, 2)) - state["mean"]) / np.array(state["std"])  # answers 0
    scores = task.scores(logits, table.column("next"))
    a, b = (1 + 3 + 5 + 9 + 9) / 5, (10 + 30) / 2
    assert scores["mae.a"] == pytest.approx(a)
    assert scores["mae.b"] == pytest.approx(b)
    assert scores["mae"] == pytest.approx((a + b) / 2)
    assert scores["rmse.b"] == pytest.approx(np.sqrt(500))
    assert scores["scaled_mae"] == pytest.approx((a / state["std"][0] + b / state["std"][1]) / 2)
    assert scores["scaled_mse"] == pytest.approx(
        ((1 + 9 + 25 + 81 + 81) / 5 / state["std"][0] ** 2 + 500 / state["std"][1] ** 2) / 2
    )
    # Without the third row, which has no history: 2 goes on twice to 1, 3 and 5; 10 to 10 and 30.
    assert scores["relative_mae.a"] == pytest.approx((1 + 3 + 5) / (1 + 1 + 3))
    assert scores["relative_mae.b"] == pytest.approx((10 + 30) / (0 + 20))
    assert scores["relative_mae"] == pytest.approx((9 / 5 + 2) / 2)


def test_weights_count_in_the_scores():
    task, _, table = fitted()
    logits = np.zeros((3, 2, 2))
    some = task.scores(logits, table.column("next"), np.array([2.0, 0.0, 0.0]))
    _, features, _ = fitted()
    first = table.take(np.array([0]))
    assert some == pytest.approx(
        task.beside(features, first).scores(logits[:1], first.column("next"))
    )


def test_without_a_history_there_is_nothing_to_compare_with():
    task, features, table = fitted()
    alone = task.beside(features).scores(np.zeros((3, 2, 2)), table.column("next"))
    assert not any(name.startswith("relative") for name in alone)


def test_variables_that_the_history_lacks_are_learnt_all_the_same():
    task, _, _ = fitted(after=[{"b": [1, 2], "c": [3, 4]}, {"b": [5, 6], "c": [7, 9]}, None])
    assert task.learnt["read"] == [1, -1]
    in_order, _, _ = fitted(after=[[[1, 2], [3, 4]], [[5, 6], [7, 8]], None])
    assert in_order.learnt["read"] == [0, 1]


@pytest.mark.parametrize(
    ("past", "after", "message"),
    [
        (
            [{"PM2.5": [1.0], "NO2": [2.0]}] * 2,
            [{"pm25": [1.0]}, {"pm25": [2.0]}],
            r"Forecast of 'past': the target has pm25, the series PM2.5, NO2: none is called alike. "
            r"For 'pm25': Did you mean 'PM2.5'\?",
        ),
        (PAST[:2], [[1.0], [2.0]], "has 1 variables, the series 2, and one of them names none"),
    ],
)
def test_a_target_of_which_the_history_knows_nothing_is_told(past, after, message):
    with pytest.warns(UserWarning, match=message):
        task, _, _ = fitted(Forecast(of="past", horizon=1), past=past, after=after)
    assert task.learnt["read"] == [-1]


def test_one_of_the_variables_is_answered_alone():
    after = [NEXT[0], {"a": [1.0, 2.0], "b": None}, {"a": None, "b": [5.0, 6.0]}]
    task, _, table = fitted(after=after, variables=("b",))
    assert task.decode(np.zeros((1, 2, 1)))[""].type == pa.struct({"b": pa.list_(pa.float64())})
    assert task.targets(table.column("next")).labelled.tolist() == [True, False, True]


def test_the_head_knows_where_nothing_is():
    task, _, _ = fitted(past=PAST[:2], after=NEXT[:2])
    np.testing.assert_allclose(task.head().zero, [-3 / np.sqrt(8 / 3), -2])


def test_without_a_correction_the_linear_path_learns_alone():
    table = Table.read(
        {"past": [[float(n), n + 1.0] for n in range(40)], "next": [[n + 2.0] for n in range(40)]}
    )
    learner = plait.Learner(
        {"past": Series()},
        {"next": Forecast(of="past", horizon=1, error="mse", hidden=0)},
        training=plait.Training(epochs=40, batch_size=8, learning_rate=0.03),
        width=4,
    )
    learner.fit({"train": table, "validation": table}, run=False, verbose=False)
    # Neither the steps behind the last nor anything else tells more than it.
    assert learner.evaluate(table)["next"]["relative_mae"] < 0.1


def test_of_more_steps_the_first_are_learnt():
    task, _, _ = fitted(Forecast(of="past", horizon=1))
    assert task.head().horizon == 1
    assert task.learnt["mean"][0] == pytest.approx((1 + 3 + 9) / 3)


def test_a_horizon_longer_than_the_series_is_refused():
    with pytest.raises(
        DataError,
        match=r"Column 'next', row 1 of train.csv: Forecast\(horizon=3\) needs 3 steps. Received 2",
    ):
        fitted(Forecast(of="past", horizon=3))


@pytest.mark.parametrize(
    ("after", "message"),
    [
        (
            [{"a": [1, 2], "b": [None, None]}, {"a": [3, 4], "b": None}, None],
            "'b' has no value in any",
        ),
        ([{"a": [1, 2], "b": [1]}] * 3, "row 1 of train.csv: the series is ragged"),
        ([{"a": [1, 2], "b": [1, np.inf]}] * 3, "variable 'b': Forecast expects finite"),
        ([["x"], ["y"], None], "Forecast expects a list of numbers.*Received list"),
        ([{"a": [1, 2]}] * 3, "all that is known of the training rows' steps is the same"),
        # Here as well, whatever the gaps are.
        ([{"a": [5, None]}, {"a": [5, 5]}, {"a": [None, 5]}], "all that is known .* is the same"),
        ([[None, None], None, None], "has no label in any training row"),
    ],
)
def test_what_is_no_target_is_refused(after, message):
    with pytest.raises(DataError, match=message):
        fitted(after=after)


@pytest.mark.parametrize(
    ("task", "message"),
    [
        (
            Forecast(of="pasts"),
            r"of the feature 'pasts', which is not declared. Did you mean 'past'",
        ),
        (Forecast(of="size"), r"modality series\. 'size' is Number"),
    ],
)
def test_a_feature_that_it_cannot_be_of_is_refused(task, message):
    with pytest.raises(ConfigError, match=message):
        check_names({"past": Series(), "size": Number()}, {"next": task})


def test_a_column_of_the_series_is_no_target():
    with pytest.raises(ConfigError, match="The column 'b' is both the feature 'past' and"):
        check_names({"past": Series(columns=("a", "b"))}, {"b": Forecast(of="past")})


@pytest.mark.parametrize("wrong", [{"horizon": 0}, {"error": "rmse"}, {"hidden": -1}])
def test_arguments_that_cannot_be_are_refused(wrong):
    with pytest.raises(ConfigError, match=f"Forecast: {next(iter(wrong))}.*Received"):
        Forecast(of="past", **wrong)


def test_it_is_fitted_beside_its_series():
    with pytest.raises(PlaitError, match="does not know which rows"):
        Forecast(of="past").fit(Table.read({"next": [[1.0], [2.0]]}).column("next"))
