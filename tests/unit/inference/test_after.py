"""Tasks whose heads are given what other tasks have answered."""

from dataclasses import replace
from typing import get_args

import keras
import numpy as np
import pytest

from plait.balancing import Equal, PCGrad
from plait.errors import ConfigError
from plait.features import Number
from plait.inference import Predictor, check_names, leaving
from plait.inference._after_answers import AfterAnswers
from plait.inference._relations import in_order
from plait.model import MultiTaskModel
from plait.tasks import (
    OF_CLASSES,
    Binary,
    Count,
    Gives,
    Multiclass,
    Multilabel,
    Ordinal,
    Quantiles,
    Regression,
    Task,
    answers_of,
    said,
)
from tests.unit.inference import tiny
from tests.unit.inference.test_connect import answers, batch
from tests.unit.training.test_train import fitted

X = {"x": Number()}


def declared(**tasks):
    return tiny.declaration(tasks=tasks)


def both(sold=None, price=None):
    # The one that comes after the other stands before it.
    return declared(price=price or Regression(after=("sold",)), sold=sold or Binary())


def test_a_projection_of_the_answers_is_added_to_each_token():
    layer = AfterAnswers(["classes", "yes or no", "number"])
    tokens = keras.ops.ones((1, 2, 2))
    logits = [np.log([[1.0, 3.0]]), np.log([[4.0]]), [[-2.0]]]
    logits = [keras.ops.convert_to_tensor(np.array(z, "float32")) for z in logits]
    layer(tokens, logits)
    values = ([[4.0, 0.0], [0.0, 4.0]], [[10.0, 0.0]], [[0.0, 100.0]])
    for dense, kernel in zip(layer.projections, values, strict=True):
        dense.kernel.assign(kernel)
    # softmax (1/4, 3/4), sigmoid 4/5, the number as it is.
    expected = [1 + 4 * 0.25 + 10 * 0.8, 1 + 4 * 0.75 + 100 * -2]
    found = keras.ops.convert_to_numpy(layer(tokens, logits))
    np.testing.assert_allclose(found, [[expected, expected]], rtol=1e-5)
    again = AfterAnswers.from_config(layer.get_config())
    assert again.gives == layer.gives


def test_half_precision_rounds_no_answer():
    layer = AfterAnswers(["number"], dtype="mixed_bfloat16")
    given = keras.ops.convert_to_tensor(np.full((1, 1), 1.2345678, "float32"))
    layer(keras.ops.zeros((1, 1, 1)), [given])
    layer.projections[0].kernel.assign([[1.0]])
    seen = layer(keras.ops.zeros((1, 1, 1)), [given])
    assert float(keras.ops.convert_to_numpy(seen)[0, 0, 0]) == pytest.approx(1.2345678, rel=1e-6)


def test_an_answer_depends_on_the_one_before_it_and_not_the_other_way_round():
    model = Predictor.build(both()).model
    assert list(model.output) == ["price", "sold"]
    plain = answers(model, batch())
    for variable in model.get_layer("sold").weights:
        variable.assign(np.ones(variable.shape))
    changed = answers(model, batch())
    assert (plain["price"] != changed["price"]).all()
    for variable in model.get_layer("price").weights:
        variable.assign(np.ones(variable.shape))
    assert answers(model, batch())["sold"].tobytes() == changed["sold"].tobytes()


@pytest.mark.parametrize("balancing", [None, PCGrad(), PCGrad(level="parameters")])
def test_no_gradient_goes_back_to_the_task_before(balancing):
    inputs, outputs = both().connect()
    model = MultiTaskModel(inputs, outputs)
    model.compile(keras.optimizers.SGD(0.1), loss="mse", balancing=balancing)
    moves = {}
    for labelled in ("price", "sold"):
        before = tiny.values(model)
        y = {task: np.full((4, 1), 3.0, "float32") for task in outputs}
        weights = {task: np.full(4, float(task == labelled), "float32") for task in outputs}
        model.train_on_batch(batch(), y, weights)
        after = tiny.values(model)
        moves[labelled] = {path for path in before if (before[path] != after[path]).any()}
    heads = {part: {p for p in moves["price"] | moves["sold"] if part in p} for part in outputs}
    assert heads["sold"]
    assert not moves["price"] & heads["sold"]
    assert moves["price"] >= heads["price"]
    assert any("sharing" in path for path in moves["price"] & moves["sold"])


def test_every_way_of_balancing_trains_alike():
    """The first step of equal weights, whole or cut into trunk and heads."""
    models = [MultiTaskModel(*both().connect(seed=3)) for _ in range(2)]
    y = {"sold": np.ones((4, 1), "float32"), "price": np.full((4, 1), 2.0, "float32")}
    for one, balancing in zip(models, (None, Equal()), strict=True):
        one.compile(keras.optimizers.SGD(0.1), loss="mse", balancing=balancing, observe_every=1)
        one.train_on_batch(batch(), y)
    for path, value in tiny.values(models[0]).items():
        np.testing.assert_allclose(tiny.values(models[1])[path], value, atol=1e-6)


def test_it_is_saved_and_loaded(tmp_path):
    predictor = fitted(both()).predictor
    predictor.save(tmp_path / "m.plait")
    again = Predictor.load(tmp_path / "m.plait")
    assert again.tasks["price"].after == ("sold",)
    for task, logits in predictor.logits(tiny.columns()).items():
        np.testing.assert_array_equal(again.logits(tiny.columns())[task], logits)


def test_it_reads_what_the_one_before_reads():
    narrow = Regression(features=("size", "kind"))
    for price, changes in ((narrow, False), (replace(narrow, after=("sold",)), True)):
        model = Predictor.build(both(price=price)).model
        plain = answers(model, batch())["price"]
        changed = answers(model, batch(age=np.array([9, 9, -9, 4], "float32")))["price"]
        assert (plain.tobytes() != changed.tobytes()) is changes


def test_an_auxiliary_task_stays_as_long_as_one_that_stays_comes_after_it(tmp_path):
    predictor = fitted(both(sold=Binary(auxiliary=True))).predictor
    assert set(predictor.tasks) == {"sold", "price"}
    assert predictor.declaration.served_by == ()
    predictor.save(tmp_path / "m.plait")
    assert set(Predictor.load(tmp_path / "m.plait").tasks) == {"sold", "price"}
    aids = {
        "main": Binary(),
        "first": Binary(auxiliary=True),
        "second": Binary(auxiliary=True, after=("first", "main")),
    }
    assert leaving(aids) == ("first", "second")
    assert leaving({**aids, "third": Binary(after=("second",))}) == ()


def test_tasks_are_in_order_behind_those_that_they_come_after():
    tasks = {
        "a": Binary(after=("c", "b")),
        "b": Binary(after=("d",)),
        "c": Binary(),
        "d": Binary(),
    }
    assert in_order(tasks) == ("c", "d", "b", "a")


@pytest.mark.parametrize(
    ("tasks", "match"),
    [
        ({"a": Binary(after=("a",))}, "'a' comes after itself: a -> a"),
        (
            {"a": Binary(after=("b",)), "b": Binary(after=("c",)), "c": Binary(after=("b",))},
            "'b' comes after itself: b -> c -> b",
        ),
        (
            {"a": Binary(after=("bb",)), "b": Binary()},
            "'bb', which is not declared. Did you mean 'b'",
        ),
        ({"a": Binary(after=("b", "b")), "b": Binary()}, "names a task twice"),
    ],
)
def test_what_no_task_can_come_after(tasks, match):
    with pytest.raises(ConfigError, match=match) as error:
        check_names(X, tasks)
    assert error.value.at[0] == "tasks"
    assert error.value.at[-1] == "after"


def test_a_task_without_a_vector_of_answers_feeds_none(monkeypatch):
    monkeypatch.setattr(Binary, "gives", None)
    with pytest.raises(ConfigError, match="'a' comes after 'b', and Binary gives no probabilities"):
        check_names(X, {"a": Multiclass(after=("b",)), "b": Binary()})


def test_what_tasks_give_is_said_by_each():
    kinds = {
        Binary: "yes or no",
        Multiclass: "classes",
        Multilabel: "yes or no",
        Regression: "number",
    }
    assert {cls: cls.gives for cls in kinds} == kinds
    assert Task.gives is None
    assert (Count().gives, Quantiles().gives) == ("log mean", "numbers")
    assert [Ordinal(rule=rule).gives for rule in ("corn", "cumulative")] == ["corn", "cumulative"]


@pytest.mark.parametrize("gives", get_args(Gives))
def test_as_many_answers_are_said_as_are_made_room_for(gives):
    logits = np.array([[-1.0, 0.5, 2.0]], "float32")
    found = keras.ops.convert_to_numpy(said(gives, logits))
    assert found.shape == (1, answers_of(gives, 3))
    if gives in OF_CLASSES:
        assert found.sum() == pytest.approx(1, abs=1e-6)
        assert (found > 0).all()
