"""Binary and Multiclass beyond the contract."""

import numpy as np
import pytest

from plait.errors import ConfigError, DataError
from plait.tasks import Binary, Multiclass
from tests.unit.tasks.columns import column_of


@pytest.mark.parametrize(
    ("cells", "positive"),
    [
        ([True, False], True),
        ([0, 1], 1),
        (["yes", "no"], "yes"),
        (["Positive", "negative"], "Positive"),
        (["T", "F"], "T"),
        (["spam", "ham"], "spam"),
        ([3, 8], 8),
    ],
)
def test_binary_finds_the_label_that_says_yes(cells, positive):
    assert Binary().fit(column_of(cells)).learnt["classes"][1] == positive


def test_binary_asks_whether_a_number_lies_above():
    column = column_of(["0", "3", None, "1.0", ".5"])
    task = Binary(above=0.5).fit(column)
    assert task.learnt["classes"] == [False, True]
    assert task.learnt["share"] == 0.5
    targets = task.targets(column)
    assert targets.labelled.tolist() == [True, True, False, True, True]
    assert targets.values.tolist() == [0, 1, 0, 1, 0]
    assert task.decode(np.array([[2.0]]))[""].to_pylist() == [True]
    assert task.scores(np.array([[-1.0], [1], [0], [2], [-2]]), column)["auc"] == 1
    with pytest.raises(DataError, match=r"Binary expects numbers\. Received: 'few'"):
        Binary(above=0).fit(column_of(["few", "1"]))
    for wrong in ({"above": 0, "positive": 1}, {"above": "0"}, {"above": float("nan")}):
        with pytest.raises(ConfigError, match="above is a finite number, beside which positive"):
            Binary(**wrong)


def test_binary_takes_the_positive_label_that_is_named():
    assert Binary(positive="ham").fit(column_of(["spam", "ham"])).learnt["classes"][1] == "ham"
    assert Binary(positive="0").fit(column_of([0, 1])).learnt["classes"] == [1, 0]
    with pytest.raises(DataError, match=r"Binary\(positive='hm'\).*Did you mean 'ham'"):
        Binary(positive="hm").fit(column_of(["spam", "ham"]))


def test_binary_names_the_rarest_of_three_labels():
    with pytest.raises(DataError) as error:
        Binary().fit(column_of(["yes", "no", "yes", "no", "n/a"]))
    for part in ("'answer'", "'n/a' in row 5", "Multiclass()", 'Binary(missing=["n/a"])'):
        assert part in str(error.value)


def test_binary_scores_by_hand():
    """Answers no yes yes no to truths no yes no yes; three of four pairs in order."""
    task = Binary().fit(column_of(["no", "yes"]))
    logits = np.array([[-2.0], [2.0], [1.0], [-1.0]])
    scores = task.scores(logits, column_of(["no", "yes", "no", "yes"]))
    log_loss = np.mean(np.log1p(np.exp([-2, -2, 1, 1])))
    assert scores == pytest.approx(
        {"accuracy": 0.5, "f1": 0.5, "auc": 0.75, "average_precision": 5 / 6, "log_loss": log_loss}
    )
    assert task.gain(scores) == pytest.approx(0.5)


def test_binary_leaves_out_what_one_class_alone_does_not_define():
    task = Binary().fit(column_of([0, 1]))
    logits = np.zeros((2, 1))
    assert set(task.scores(logits, column_of([0, 0]))) == {"accuracy", "log_loss"}
    only_yes = task.scores(logits + 50, column_of([1, 1]))
    assert set(only_yes) == {"accuracy", "log_loss", "f1"}
    assert task.gain(only_yes) == pytest.approx(1)
    assert task.gain(task.scores(logits, column_of([0, 0]))) == pytest.approx(0)


def test_binary_decodes_with_the_probability_of_the_answer_given():
    task = Binary().fit(column_of(["no", "yes"]))
    answers = task.decode(np.array([[np.log(3)], [-np.log(3)]]))
    assert answers[""].to_pylist() == ["yes", "no"]
    assert answers["probability"].to_pylist() == pytest.approx([0.75, 0.75])
    assert answers["probabilities"][1].as_py() == pytest.approx({"no": 0.75, "yes": 0.25})


def test_multiclass_scores_where_some_classes_do_not_occur():
    task = Multiclass().fit(column_of(["a", "b", "c", "d"]))
    scores = task.scores(10.0 * np.eye(4)[[0, 0, 1, 1]], column_of(["a", "a", "b", "a"]))
    assert scores["accuracy"] == 0.75
    assert scores["balanced_accuracy"] == pytest.approx((2 / 3 + 1) / 2)
    assert scores["macro_f1"] == pytest.approx((0.8 + 2 / 3) / 2)


def test_multiclass_gain_starts_from_the_majority():
    task = Multiclass().fit(column_of(["a", "a", "a", "b"]))
    assert task.gain({"accuracy": 0.75}) == 0
    assert task.gain({"accuracy": 0.875}) == 0.5
    assert task.gain({"accuracy": 0.0}) == -1


def test_balanced_class_weights_give_each_class_one_say():
    task = Multiclass(class_weights="balanced").fit(column_of(["a", "a", "a", "b"]))
    assert task.loss().class_weights == pytest.approx([2 / 3, 2])
    assert task.learnt["entropy"] == pytest.approx(np.log(2))


@pytest.mark.parametrize("task", [Binary, Multiclass])
def test_effective_class_weights_stop_growing_with_the_rows(task):
    """By .5, of three rows 1.75 count, and of one 1; the mean over the rows is 1."""
    fitted = task(class_weights="effective", beta=0.5).fit(column_of(["a", "a", "a", "b"]))
    raw = np.array([1 / 1.75, 1])
    expected = raw / ((3 * raw[0] + raw[1]) / 4)
    assert fitted.loss().class_weights == pytest.approx(expected.tolist())


@pytest.mark.parametrize(
    ("beta", "expected"), [(0.0, [1, 1]), (1 - 1e-9, [2 / 3, 2])], ids=["none", "balanced"]
)
def test_effective_class_weights_lie_between_none_and_balanced(beta, expected):
    task = Multiclass(class_weights="effective", beta=beta).fit(column_of(["a", "a", "a", "b"]))
    assert task.loss().class_weights == pytest.approx(expected, rel=1e-5)


def test_multiclass_refuses_a_quantity_and_a_key():
    with pytest.raises(DataError, match=r"30 different ones in 30 .* declare Regression\(\)"):
        Multiclass().fit(column_of(list(range(30))))
    with pytest.raises(DataError, match=r"such as 'k0'.*looks like a key"):
        Multiclass().fit(column_of([f"k{i}" for i in range(30)]))


@pytest.mark.parametrize("task", [Binary(), Multiclass()])
def test_lists_belong_to_multilabel(task):
    with pytest.raises(DataError, match=r"row 2 of train.csv.*\['a'\].*declare Multilabel\(\)"):
        task.fit(column_of([None, ["a"], ["b"]]))


def test_infinite_is_no_class():
    with pytest.raises(DataError, match=r"row 3 of train.csv.*inf"):
        Multiclass().fit(column_of([1.0, 2.0, np.inf]))


@pytest.mark.parametrize(
    "wrong",
    [
        {"label_smoothing": 1.0},
        {"class_weights": "equal"},
        {"weight": -1.0},
        {"focal": -1.0},
        {"beta": 1.0},
        {"label_smoothing": 0.1, "focal": 2.0},
    ],
)
@pytest.mark.parametrize("task", [Binary, Multiclass])
def test_refuses_what_cannot_be(task, wrong):
    with pytest.raises(ConfigError, match=f"{next(iter(wrong))} is .* Received: "):
        task(**wrong)
