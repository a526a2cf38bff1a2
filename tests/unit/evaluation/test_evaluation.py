from dataclasses import replace

import numpy as np
import pytest

from plait.errors import DataError
from plait.evaluation import by_presence, evaluate, trivial_scores
from plait.inference import Predictor, gains, mean_gain, mean_scores, row_weights
from plait.table import Table
from plait.tasks import Binary, Regression
from tests.unit.inference import tiny


@pytest.fixture(scope="module")
def predictor():
    return Predictor.build(tiny.declaration(), seed=1)


def test_scores_are_over_the_labelled_rows(predictor):
    table = Table.read(tiny.columns())
    scores = evaluate(predictor, table)
    prices = np.array(tiny.columns()["price"], dtype=float)
    there = np.isfinite(prices)
    answers = predictor.predict(table)["price"].to_numpy()
    assert scores["price"]["mae"] == pytest.approx(np.abs(answers - prices)[there].mean())
    assert scores.keys() == {"sold", "price"}


def test_a_task_without_its_column_or_without_a_label_has_no_scores(predictor):
    rows = tiny.columns()
    del rows["sold"]
    assert evaluate(predictor, rows).keys() == {"price"}
    rows["sold"] = [None] * tiny.ROWS
    assert evaluate(predictor, rows).keys() == {"price"}


def test_a_table_without_any_target_is_refused(predictor):
    with pytest.raises(DataError, match=r"no target column.*sold, price"):
        evaluate(predictor, {"age": [1.0], "size": [1.0], "kind": ["toy"]})


@pytest.mark.parametrize("scored", [evaluate, by_presence])
def test_a_table_without_any_label_is_refused(predictor, scored):
    rows = {**tiny.columns(), "sold": [None] * tiny.ROWS, "price": [None] * tiny.ROWS}
    with pytest.raises(DataError, match=r"no label to score.* 40 rows.*sold, price.*predict"):
        scored(predictor, rows)


def test_a_row_of_weight_2_counts_as_two_rows(predictor):
    table = Table.read(tiny.columns())
    twice = table.take(np.array([*range(tiny.ROWS), *range(10)]))
    weights = np.where(np.arange(tiny.ROWS) < 10, 2.0, 1.0)
    weighed, repeated = evaluate(predictor, table, weights), evaluate(predictor, twice)
    for task, metric in (("price", "mae"), ("sold", "accuracy"), ("sold", "auc")):
        assert weighed[task][metric] == pytest.approx(repeated[task][metric])


def test_the_column_of_weights_is_used_where_it_is_there():
    rows = {**tiny.columns(), "w": [0.0] * 20 + [1.0] * 20}
    weighed = Predictor.build(replace(tiny.declaration(), weight="w"), seed=1)
    table = Table.read(rows)
    assert evaluate(weighed, table) == evaluate(weighed, table, row_weights(table, "w"))
    assert evaluate(weighed, table)["price"] == pytest.approx(
        evaluate(weighed, table.take(np.arange(20, 40)), np.ones(20))["price"]
    )
    del rows["w"]
    assert evaluate(weighed, rows)["price"] != evaluate(weighed, table)["price"]


def test_the_trivial_answer_gains_nothing(predictor):
    trivial = trivial_scores(predictor, tiny.columns())
    shares = np.mean([label == "yes" for label in tiny.columns()["sold"] if label])
    assert trivial["sold"]["accuracy"] == pytest.approx(max(shares, 1 - shares))
    assert trivial["sold"]["auc"] == 0.5
    assert trivial["price"]["r2"] == pytest.approx(0, abs=1e-6)
    assert abs(mean_gain(predictor.tasks, trivial)) < 0.02


def test_gains_go_from_the_trivial_answer_to_a_perfect_one():
    tasks = {"a": Binary(), "b": Regression(state={"trivial_mae": 2.0})}
    scores = {"a": {"auc": 0.75}, "b": {"mae": 0.5}}
    assert gains(tasks, scores) == {"a": 0.5, "b": 0.75}
    assert mean_gain(tasks, scores) == 0.625
    assert mean_gain(tasks, {"a": {"auc": 1.0}}) == 1.0
    assert np.isnan(mean_gain(tasks, {}))


def test_a_metric_that_is_not_always_there_is_averaged_where_it_is():
    folds = [{"a": {"auc": 0.5, "f1": 1.0}}, {"a": {"auc": 1.0}}, {"b": {"mae": 3.0}}]
    assert mean_scores(folds) == {"a": {"auc": 0.75, "f1": 1.0}, "b": {"mae": 3.0}}


def test_scores_by_which_inputs_were_present(predictor):
    table = Table.read(tiny.columns())
    lines = by_presence(predictor, table).to_pylist()
    rows = tiny.columns()
    age, kind = ([cell is not None for cell in rows[name]] for name in ("age", "kind"))
    both = [n for n in range(tiny.ROWS) if age[n] and kind[n]]
    assert [(line["present"], line["rows"]) for line in lines[:2]] == [
        ("all rows", tiny.ROWS),
        ("age + size + kind", len(both)),
    ]
    assert {line["present"] for line in lines[2:]} == {"size + kind", "age + size", "size"}
    assert sum(line["rows"] for line in lines[1:]) == tiny.ROWS
    assert lines[0]["price.mae"] == evaluate(predictor, table)["price"]["mae"]
    part = table.take(np.array(both))
    assert lines[1]["sold.auc"] == evaluate(predictor, part)["sold"]["auc"]


def test_a_row_without_any_input_stands_for_itself(predictor):
    rows = {"age": [None, 1.0], "size": [None, 1.0], "kind": [None, "toy"], "price": [1.0, None]}
    lines = by_presence(predictor, rows).to_pylist()
    assert ("nothing", 1) in [(line["present"], line["rows"]) for line in lines]
    assert [line["price.mae"] is None for line in lines] == [False, False, True] or [
        line["price.mae"] is None for line in lines
    ] == [False, True, False]


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (["1", "n/a"], "row 2 of the table: a weight is a finite number from 0 up.*'n/a'"),
        (["1", ""], "row 2 of the table.*Received: ''"),
        ([[1], [2]], r"row 1 of the table: a weight is a finite number.*Received: \[1\]"),
        ([1, None], "row 2 of the table.*Received: None"),
        ([1, -1], "row 2 of the table.*Received: -1"),
        ([1, float("inf")], "row 2 of the table.*Received: inf"),
    ],
)
def test_a_cell_that_is_no_weight_is_named(weights, message):
    with pytest.raises(DataError, match=f"column 'w', {message}"):
        row_weights(Table.read({"w": weights}), "w")
    np.testing.assert_array_equal(row_weights(Table.read({"w": ["1", "2.5"]}), "w"), [1, 2.5])
