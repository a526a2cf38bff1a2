"""The formulas, worked out by hand; and what cannot be."""

import math
from dataclasses import dataclass

import keras
import numpy as np
import pytest

import plait
from plait.errors import ConfigError, DataError
from plait.inference import check_names
from plait.objectives import Align, Consistency, Distill, Reconstruct, RowObjective
from plait.objectives._row_objective import RowLosses
from plait.objectives._soft_targets import SoftTargets
from plait.table import Table
from plait.tasks import (
    Binary,
    Boxes,
    Count,
    Forecast,
    Matching,
    Multiclass,
    Multilabel,
    ObjectCount,
    Ordinal,
    Quantiles,
    Regression,
    Segmentation,
    Tagging,
)
from plait.training._signals_of import signals_of
from tests.unit.inference import tiny
from tests.unit.objectives.rows import columns, declared, more_tasks, trained


def tensor(values, dtype="float32"):
    return keras.ops.convert_to_tensor(np.array(values, dtype))


def numpy(*values):
    return [keras.ops.convert_to_numpy(v) for v in values]


def logits(shares):
    return tensor(np.log(np.maximum(shares, 1e-9)))


def test_align_by_hand():
    seen = {
        "a": tensor([[2.0, 0.0], [0.0, 3.0], [7.0, 7.0]]),
        "b": tensor([[5.0, 0.0], [0.0, 1.0], [9.0, 9.0]]),
        "a present": tensor([True, True, True], "bool"),
        "b present": tensor([True, True, False], "bool"),
    }
    losses, counts = numpy(*Align("a", "b", temperature=1.0).losses(seen))
    assert counts.tolist() == [True, True, False]
    np.testing.assert_allclose(losses[:2], math.log(1 + math.exp(-1)) / math.log(2), rtol=1e-4)
    # Whatever stands in the row that lacks one of the two.
    other, _ = numpy(*Align("a", "b", temperature=1.0).losses({**seen, "b": seen["a"] * 0 + 3}))
    assert np.isfinite(other).all()
    # The same in every row says nothing, and costs 1.
    same = {**seen, "a": tensor(np.ones((3, 2))), "b": tensor(np.ones((3, 2)))}
    np.testing.assert_allclose(numpy(Align("a", "b").losses(same)[0])[0][:2], 1, rtol=1e-5)


def test_consistency_by_hand():
    rule = Consistency("a", "b").with_state(
        {"gives": ["classes", "yes or no"], "says": [[1, 0], [0, 1], [0.5, 0.5]]}
    )
    a = logits([[1, 0, 0], [1, 0, 0], [0, 0, 1], [0, 1, 0]])
    no, yes = -40.0, 40.0
    losses, counts = numpy(*rule.losses({"a": a, "b": tensor([[no], [yes], [no], [yes]])}))
    half = (0.5 * math.log2(0.5 / 0.75) + 0.5 * math.log2(0.5 / 0.25) + math.log2(1 / 0.75)) / 2
    np.testing.assert_allclose(losses, [0, 1, half, 0], atol=1e-4)
    assert counts.all()


def test_two_numbers_agree_in_units_of_the_seconds_spread():
    rule = Consistency("a", "b", rule="equal").with_state({"spread": 4.0})
    seen = {"a": tensor([12.0, 8.0, 10.0]), "b": tensor([12.0, 20.0, 12.0])}
    np.testing.assert_allclose(numpy(rule.losses(seen)[0])[0], [0, 2.5, 0.125], atol=1e-6)


def test_a_row_without_the_picture_of_its_boxes_agrees_with_nothing():
    rule = Consistency("a", "b", rule="equal", label="cat").with_state({"spread": 4.0})
    seen = {"a": tensor([12.0, 8.0]), "b": tensor([12.0, 20.0])}
    there = tensor([True, False], "bool")
    losses, counts = numpy(*rule.losses({**seen, "b there": there}))
    np.testing.assert_allclose(losses, [0, 0])
    assert counts.tolist() == [True, False]
    table = Table.read({"n": [0, 2, 4, 6], "m": [1, 2, 3, 4]})
    tasks = {name: Count().fit(table.column(name)) for name in ("n", "m")}
    with pytest.raises(ConfigError, match="neither task finds things of several kinds"):
        Consistency("n", "m", rule="equal", label="cat").fit(table, {}, tasks)


def test_what_numbers_say_is_on_the_users_scale():
    column = Table.read({"n": [0, 2, 4, 6]}).column("n")
    half = (tensor([[0.5]]), 3 + 0.5 * 5**0.5)
    for task, (z, expected) in (
        (Regression(), half),
        (Quantiles(levels=(0.5, 0.9)), (tensor([[0.5, 9.0]]), half[1])),
        (Count(), (tensor([[math.log(5.0), 7.0]]), 5.0)),
    ):
        fitted = task.fit(column)
        assert numpy(fitted.amount(z))[0][0] == pytest.approx(expected, rel=1e-5)
        assert fitted.spread() == pytest.approx(5**0.5)
    assert Multiclass().fit(column).spread() is None
    bent = {"n": Regression().fit(column), "m": Regression(transform="log").fit(column)}
    with pytest.raises(ConfigError, match="'m' is learnt on another, transform='log'"):
        Consistency("n", "m", rule="equal").fit(Table.read({"n": [0]}), {}, bent)


def test_an_ordinal_answer_agrees_as_classes_do():
    table = Table.read({"a": [1, 2, 3, 2], "b": [1, 2, 3, 2]})
    tasks = {"a": Ordinal(), "b": Ordinal(rule="cumulative")}
    tasks = {name: task.fit(table.column(name)) for name, task in tasks.items()}
    fitted = Consistency("a", "b", rule="equal").fit(table, {}, tasks)
    # Both say 2: beyond 1 and not beyond 2, and at most 1 is unlikely and at most 2 is likely.
    seen = {"a": tensor([[30.0, -30.0]]), "b": tensor([[-30.0, 30.0]])}
    assert numpy(fitted.losses(seen)[0])[0][0] == pytest.approx(0, abs=1e-5)
    seen = {"a": tensor([[30.0, 30.0]]), "b": tensor([[-30.0, 30.0]])}
    assert numpy(fitted.losses(seen)[0])[0][0] == pytest.approx(1, abs=1e-4)


def test_consistency_counts_the_rows_that_have_both_labels():
    table = Table.read(
        {
            "child": ["x", "x", "x", "y", "y", None, "z"],
            "parent": ["p", "p", "q", "q", None, "p", None],
        }
    )
    tasks = {n: Multiclass().fit(table.column(n)) for n in ("child", "parent")}
    fitted = Consistency("child", "parent").fit(table, {}, tasks)
    assert tasks["child"].learnt["classes"] == ["x", "y", "z"]
    # Of z nothing is known: the shares of p and q.
    np.testing.assert_allclose(fitted.learnt["says"], [[2 / 3, 1 / 3], [0, 1], [0.6, 0.4]])
    mapped = Consistency("child", "parent", rule={"x": "q", "y": "p"}).fit(table, {}, tasks)
    np.testing.assert_allclose(mapped.learnt["says"], [[0, 1], [1, 0], [0.6, 0.4]])
    apart = table.take(np.array([4, 5]))
    with pytest.raises(DataError, match=r"no training row of .* has a label of both"):
        Consistency("child", "parent").fit(apart, {}, tasks)


def test_reconstruct_by_hand():
    number = Reconstruct("x").with_state({"kind": "Number", "trivial": 0.5})
    there = tensor([True, True, False], "bool")
    seen = {"said": tensor([[0.5], [3.0], [0.0]]), "values": tensor([[0.0], [0.0], [0.0]])}
    losses, counts = numpy(*number.losses({**seen, "present": there}))
    np.testing.assert_allclose(losses[:2], [0.125 / 0.5, 2.5 / 0.5], rtol=1e-6)
    assert counts.tolist() == [True, True, False]
    state = {"kind": "Category", "shares": [0.5, 0.5], "trivial": math.log(2)}
    category = Reconstruct("x").with_state(state)
    seen = {"said": logits([[0.25, 0.75]] * 3), "values": tensor([1, 2, 0], "int32")}
    losses, counts = numpy(*category.losses({**seen, "present": tensor([True] * 3, "bool")}))
    np.testing.assert_allclose(losses[:2], [2, -math.log2(0.75)], rtol=1e-5)
    # A value that training has not seen.
    assert counts.tolist() == [True, True, False]


def test_soft_targets_by_hand():
    even = tensor([[0.0, 0.0]])
    plain = SoftTargets("classes", 1.0, 2.0).call(tensor([[1.0, 0.0]]), even)
    np.testing.assert_allclose(numpy(plain)[0], [math.log(2) / 2], rtol=1e-5)
    # 0.8 and 0.2 at T = 2 are 2/3 and 1/3.
    entropy = -(2 / 3 * math.log(2 / 3) + 1 / 3 * math.log(1 / 3))
    warm = SoftTargets("classes", 2.0).call(tensor([[0.8, 0.2]]), even)
    np.testing.assert_allclose(numpy(warm)[0], [4 * (math.log(2) - entropy)], rtol=1e-4)
    said = tensor([[math.log(0.8 / 0.2)]])
    for one in (1.0, 3.0):
        agrees = SoftTargets("yes or no", one).call(tensor([[0.8]]), said)
        np.testing.assert_allclose(numpy(agrees)[0], [0], atol=1e-6)
    number = SoftTargets("number", trivial=2.0).call(tensor([1.0]), tensor([[3.0]]))
    np.testing.assert_allclose(numpy(number)[0], [1.5 / 2])


def test_soft_targets_of_an_order_by_hand():
    """Two of three classes by "corn": 1/2 below, and of the rest 1/2 at 2; or thresholds at these."""
    taught = tensor([[0.5, 0.25, 0.25], [0.25, 0.25, 0.5]])
    agrees = {
        "corn": [[0.0, 0.0], [math.log(3), math.log(2)]],
        "cumulative": [[0.0, math.log(3)], [-math.log(3), 0.0]],
    }
    for rule, said in agrees.items():
        for one in (1.0, 3.0):
            same = SoftTargets(rule, one).call(taught, tensor(said))
            np.testing.assert_allclose(numpy(same)[0], [0, 0], atol=1e-5)
        # The first says what the second should, and the second what the first should.
        swapped = SoftTargets(rule, 1.0, 2.0).call(taught, tensor(said[::-1]))
        expected = (0.5 * math.log(2) - 0.25 * math.log(2)) / 2
        np.testing.assert_allclose(numpy(swapped)[0], [expected] * 2, rtol=1e-4)
        # One that is surely wrong still learns.
        sure = SoftTargets(rule).call(tensor([[1.0, 0, 0]]), tensor([[60.0, 60.0]]))
        assert np.isfinite(numpy(sure)[0]).all()
    one_apart = SoftTargets("corn", 2.0).call(tensor([[0.8, 0.2]]), tensor([[0.0]]))
    classes = SoftTargets("classes", 2.0).call(tensor([[0.8, 0.2]]), tensor([[0.0, 0.0]]))
    np.testing.assert_allclose(*numpy(one_apart, classes), rtol=1e-5)


def test_soft_targets_of_counts_and_quantiles_by_hand():
    said = tensor([[0.0, 9.0], [math.log(3), 9.0], [math.log(2), 9.0]])
    found = SoftTargets("log mean", trivial=0.5).call(tensor([2.0, 3.0, 0.0]), said)
    expected = [(2 * math.log(2) - 2 + 1) / 0.5, 0, 2 / 0.5]
    np.testing.assert_allclose(numpy(found)[0], expected, atol=1e-6)
    quantiles = tensor([[0.0, 1.0, 3.0]]), tensor([[0.0, 2.0, 5.0]])
    found = SoftTargets("numbers", trivial=0.5).call(*quantiles)
    np.testing.assert_allclose(numpy(found)[0], [(0 + 0.5 + 1.5) / 3 / 0.5], rtol=1e-6)


def test_a_teachers_counts_and_quantiles_are_read():
    table = Table.read(
        {
            "visits": [0, 2, 4, 6],
            "mean": [2.5, None, 0.0, 7.25],
            "price": [1.0, 3.0, 3.0, 5.0],
            "span": ['{"0.5": 3, "0.9": 5}', "", None, '{"0.9": null, "0.5": 1}'],
        }
    )
    tasks = {"visits": Count(), "price": Quantiles(levels=(0.5, 0.9))}
    tasks = {name: task.fit(table.column(name)) for name, task in tasks.items()}
    # Half of the mean of 2 (y log(y / 3) - y + 3).
    trivial = np.mean([3, 2 * math.log(2 / 3) + 1, 4 * math.log(4 / 3) - 1, 6 * math.log(2) - 3])
    counts = Distill("visits", column="mean").fit(table, {}, tasks)
    assert counts.learnt["trivial"] == pytest.approx(trivial)
    found = counts.targets(table, tasks, None)
    np.testing.assert_allclose(found.values, [2.5, 0, 0, 7.25])
    assert found.labelled.tolist() == [True, False, True, True]
    found = Distill("price", column="span").targets(table, tasks, None)
    np.testing.assert_allclose(found.values[0], [0, 2**0.5], atol=1e-6)
    assert found.labelled.tolist() == [True, False, False, False]
    odd = Table.read({"mean": [1.0, -0.5], "span": [{"0.5": 3.0}, {"0.5": 1.0}]})
    with pytest.raises(DataError, match=r"row 2 of .*means of counts, from 0 up. Received: -0.5"):
        Distill("visits", column="mean").targets(odd, tasks, None)
    with pytest.raises(DataError, match=r"row 1 of .*levels, 0.5, 0.9. Received: \{'0.5': 3.0\}"):
        Distill("price", column="span").targets(odd, tasks, None)
    words = Table.read({"span": [{"0.5": "a", "0.9": "b"}]})
    with pytest.raises(DataError, match="the quantile of each"):
        Distill("price", column="span").targets(words, tasks, None)


@pytest.mark.parametrize(
    ("labels", "taught"),
    [
        ([True, False, True], {"false": 0.25, "true": 0.75}),
        ([1.0, 2.0, 1.0], {"1": 0.25, "2": 0.75}),
    ],
)
def test_a_teachers_classes_are_named_as_predict_names_them(labels, taught):
    table = Table.read({"kind": labels, "taught": [taught] * 3})
    for task in (Binary(), Multiclass(), Ordinal()):
        tasks = {"kind": task.fit(table.column("kind"))}
        logits = np.zeros((1, 2 if task.gives == "classes" else 1))
        (said,) = tasks["kind"].decode(logits)["probabilities"].to_pylist()
        assert set(said) == set(taught)
        found = Distill("kind", column="taught").targets(table, tasks, None)
        np.testing.assert_allclose(np.asarray(found.values)[:, -1], taught[list(said)[-1]])


def test_a_teachers_probabilities_are_read_by_class():
    table = Table.read(
        {
            "kind": ["b", "a", "c", "a"],
            "taught": [{"c": 0.5, "b": 0.5, "a": None}, None, {"a": 1.0, "b": 0.0, "c": 0.0}, None],
            "text": ['{"a": 0.25, "b": 0.75}', "", None, '{"c": 1}'],
        }
    )
    tasks = {"kind": Multiclass().fit(table.column("kind"))}
    found = Distill("kind", column="taught").targets(table, tasks, None)
    np.testing.assert_allclose(found.values, [[0, 0.5, 0.5], [0] * 3, [1, 0, 0], [0] * 3])
    assert found.labelled.tolist() == [True, False, True, False]
    text = Distill("kind", column="text").targets(table, tasks, None)
    np.testing.assert_allclose(text.values, [[0.25, 0.75, 0], [0] * 3, [0] * 3, [0, 0, 1]])
    odd = Table.read({"taught": [{"a": 0.5, "d": 0.5}, {"a": 0.5, "d": 0.1}]})
    with pytest.raises(DataError, match=r"row 1 of .*'d', which is no class"):
        Distill("kind", column="taught").targets(odd, tasks, None)
    sums = Table.read({"taught": [{"a": 0.5, "b": 0.1}]})
    with pytest.raises(DataError, match="add up to 1"):
        Distill("kind", column="taught").targets(sums, tasks, None)


def test_a_saved_model_teaches(tmp_path):
    teacher = trained(declared()).predictor
    teacher.save(tmp_path / "teacher.plait")
    for task, tolerance in (("sold", 1e-6), ("deal", 1e-6), ("price", 1e-4)):
        pupil = declared(Distill(task, teacher=str(tmp_path / "teacher.plait")))
        found = signals_of(pupil, Table.read(columns()))["signal"]
        said = teacher.logits(columns())[task]
        if task == "price":
            expected = said[:, 0]
        elif task == "sold":
            expected = 1 / (1 + np.exp(-said))
        else:
            expected = np.exp(said) / np.exp(said).sum(axis=1, keepdims=True)
        np.testing.assert_allclose(found.values, expected, atol=tolerance)
        assert found.labelled.all()


def test_a_teacher_of_orders_counts_and_quantiles_is_agreed_with_at_once(tmp_path):
    """A model that has the teacher's own logits has nothing to learn of it."""
    table = Table.read(columns())
    tasks = {name: task for name, task in more_tasks().items() if name != "reach"}
    made = trained(declared(tasks=tasks))
    made.predictor.save(tmp_path / "teacher.plait")
    logits = made.predictor.logits(columns())
    for task in tasks:
        pupil = declared(Distill(task, teacher=str(tmp_path / "teacher.plait")))
        found = signals_of(pupil, table)["signal"]
        assert found.labelled.all()
        loss = pupil.objectives["signal"].loss()
        said = [tensor(found.values), tensor(logits[task])]
        np.testing.assert_allclose(numpy(loss.call(*said))[0], 0, atol=1e-5)
        assert numpy(loss.call(said[0], said[1] + 1))[0].min() > 1e-3


@dataclass(frozen=True)
class SameSize(RowObjective):
    """Two features' vectors should be of one length."""

    one: str
    other: str

    @property
    def of_features(self):
        return self.one, self.other

    def read(self, graph):
        seen = {n: graph.feature(getattr(self, n)) for n in ("one", "other")}
        own = {n: graph.own(plait.LinearHead, n, size=8)(f.tokens, f.mask) for n, f in seen.items()}
        return {**own, **{f"{n} there": f.present for n, f in seen.items()}}

    def losses(self, seen):
        lengths = [keras.ops.norm(seen[n], axis=-1) for n in ("one", "other")]
        there = keras.ops.logical_and(seen["one there"], seen["other there"])
        return keras.ops.square(lengths[0] - lengths[1]), there


def test_one_of_the_users_own_is_a_small_class(tmp_path):
    made = trained(declared(SameSize("age", "size")))
    assert made.history[0].logs["signal_loss"] > 0
    made.predictor.save(tmp_path / "m.plait")
    # Nothing of it is in the file, so that nobody needs the class to load it.
    plait.Predictor.load(tmp_path / "m.plait")
    layer = made.model.get_layer("signal__losses")
    with keras.saving.custom_object_scope({"SameSize": SameSize}):
        assert RowLosses.from_config(layer.get_config()).objective == layer.objective


@pytest.mark.parametrize(
    ("objective", "match"),
    [
        (Align("age", "sized"), "'signal' is of the feature 'sized', which is not declared. Did"),
        (Consistency("deal", "sould"), "'signal' is of the task 'sould', which is not declared"),
        (Distill("pricey", column="taught"), "Did you mean 'price'"),
    ],
)
def test_an_objective_of_what_is_not_there(objective, match):
    with pytest.raises(ConfigError, match=match):
        check_names(
            tiny.features(),
            {"sold": Binary(), "deal": Multiclass(), "price": Regression()},
            objectives={"signal": objective},
        )


@pytest.mark.parametrize(
    ("name", "match"),
    [
        ("age", "both a feature and an obj"),
        ("sold", "both a task and an obj"),
        ("a/b", "with a '/'"),
    ],
)
def test_a_name_that_no_objective_can_have(name, match):
    with pytest.raises(ConfigError, match=match):
        check_names(tiny.features(), {"sold": Binary()}, objectives={name: Align("age", "size")})


@pytest.mark.parametrize(
    ("objective", "match"),
    [
        (lambda: Align("a", "a"), "'a' twice"),
        (lambda: Align("a", "b", temperature=0.0), "temperature is above 0"),
        (lambda: Align("a", "b", width=0), "width is a whole number"),
        (lambda: Consistency("a", "a"), "'a' twice"),
        (lambda: Consistency("a", "b", label="c"), "label says which boxes are counted, for rule="),
        (
            lambda: Consistency("a", "b", rule="same"),
            "rule is 'counts', 'equal', 'extent' or a mapping",
        ),
        (lambda: Distill("a"), "one teacher"),
        (lambda: Distill("a", teacher="t", column="c"), "one teacher"),
        (lambda: Distill("a", column="c", temperature=-1.0), "temperature is above 0"),
    ],
)
def test_arguments_that_cannot_be(objective, match):
    with pytest.raises(ConfigError, match=match):
        objective()


@pytest.mark.parametrize(
    ("objective", "match"),
    [
        (Consistency("deal", "price"), "are Multiclass and Regression. Two answers"),
        (Consistency("deal", "sold", rule={"goood": "yes"}), "no such class. Did you mean 'good'"),
        (Consistency("deal", "sold", rule={"good": "yess"}), "no such class. Did you mean 'yes'"),
        (Consistency("deal", "sold", rule="equal"), "the rule says 'bad', and 'sold' has no such"),
    ],
)
def test_a_rule_that_does_not_fit_the_tasks(objective, match):
    with pytest.raises(ConfigError, match=rf"Objective 'signal': Consistency: .*{match}") as error:
        declared(objective)
    assert error.value.at[:3] == ("objectives", "signal", "Consistency")


@pytest.mark.parametrize(
    "task",
    [
        Boxes(of="photo"),
        Segmentation(of="photo"),
        ObjectCount(of="photo"),
        Tagging(of="note"),
        Forecast(of="past"),
        Matching("photo", "note"),
    ],
    ids=lambda task: type(task).__name__,
)
def test_what_no_teacher_tells_is_refused_with_what_it_can_be_of(task):
    kinds = "Binary, Multiclass, Multilabel, Ordinal, Regression, Count or Quantiles"
    match = rf"it is of a {kinds}. 'thing' is of the kind {type(task).__name__}\.$"
    with pytest.raises(ConfigError, match=match) as error:
        Distill("thing", column="taught").fit(Table.read({"n": [1]}), {}, {"thing": task})
    assert error.value.at == ("task",)


def test_a_column_alone_is_told_from_nothing():
    with pytest.raises(ConfigError, match="'age' is the only feature"):
        declared(Reconstruct("age"), features={"age": plait.Number()})


def test_labels_in_any_number_agree_with_nothing():
    table = Table.read({"tags": [["a"], ["b"]], "kind": ["x", "y"]})
    tasks = {"tags": Multilabel(), "kind": Multiclass()}
    tasks = {n: t.fit(table.column(n)) for n, t in tasks.items()}
    with pytest.raises(ConfigError, match="are Multilabel and Multiclass"):
        Consistency("tags", "kind").fit(table, {}, tasks)
