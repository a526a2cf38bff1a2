import numpy as np
import pytest

from plait.errors import ConfigError, DataError
from plait.heads import LinearHead, OrderedHead
from plait.tasks import Ordinal
from tests.unit.tasks.columns import column_of

SIZES = ("small", "medium", "large")


def logit(share):
    return np.log(share / (1 - share))


@pytest.mark.parametrize(
    ("cells", "order", "classes"),
    [
        ([5, 1, 3, 1], None, [1, 3, 5]),
        (["10", "9", "9.5", "9"], None, ["9", "9.5", "10"]),
        (["large", "small", "small"], SIZES, list(SIZES)),
        ([3, 1, 1], (3, 2, 1), [3, 2, 1]),
        (["1", "2"], (2, 1), [2, 1]),
    ],
)
def test_classes_are_ordered_by_number_or_as_given(cells, order, classes):
    assert Ordinal(order=order).fit(column_of(cells)).learnt["classes"] == classes


def test_texts_have_no_order_by_themselves():
    with pytest.raises(DataError) as error:
        Ordinal().fit(column_of(["1", "2", "n/a", "2"]))
    for part in ("row 3 of train.csv", "'n/a'", "Ordinal(order=[", 'Ordinal(missing=["n/a"])'):
        assert part in str(error.value)


def test_a_class_that_is_not_in_the_order_is_named():
    task = Ordinal(order=SIZES)
    with pytest.raises(DataError) as error:
        task.fit(column_of(["small", "large", "lrge"]))
    assert str(error.value) == (
        "Column 'answer', row 3 of train.csv: 'lrge' has no place in the order of this Ordinal. "
        "Did you mean 'large'? Add it to the order, or, to leave out such labels, declare "
        'Ordinal(on_unseen="missing").'
    )
    kept = Ordinal(order=SIZES, on_unseen="missing").fit(column_of(["small", "large", "lrge"]))
    found = kept.targets(column_of(["lrge", "medium"]))
    np.testing.assert_array_equal(found.labelled, [False, True])
    assert (found.values[1], found.unseen) == (1, 1)


def test_a_number_that_training_never_saw_is_named():
    task = Ordinal().fit(column_of([1, 3, 3]))
    with pytest.raises(DataError, match=r"row 2 of train.csv: Ordinal never saw the class 2"):
        task.targets(column_of([3, 2]))


def test_one_class_and_a_key_are_refused():
    with pytest.raises(DataError, match="every label of the training rows is 'small'"):
        Ordinal(order=SIZES).fit(column_of(["small", "small"]))
    with pytest.raises(DataError, match=r"30 different ones in 30 .* declare Regression\(\)"):
        Ordinal().fit(column_of(list(range(30))))


@pytest.mark.parametrize(
    "wrong",
    [
        {"rule": "probit"},
        {"on_unseen": "skip"},
        {"order": ("a",)},
        {"order": ("a", "a")},
        {"order": ("a", 1)},
    ],
)
def test_refuses_what_cannot_be(wrong):
    with pytest.raises(ConfigError, match=f"{next(iter(wrong))} is .* Received: "):
        Ordinal(**wrong)


@pytest.mark.parametrize("rule", ["corn", "cumulative"])
def test_a_new_head_answers_with_the_training_shares(rule):
    task = Ordinal(rule=rule).fit(column_of([1, 1, 1, 1, 2, 2, 5, 5, 5, 5]))
    head = task.head()
    assert isinstance(head, OrderedHead if rule == "cumulative" else LinearHead)
    (shares,) = task.decode(np.array([head.prior]))["probabilities"].to_pylist()
    assert shares == pytest.approx({"1": 0.4, "2": 0.2, "5": 0.4})


def test_both_rules_give_the_probabilities_that_they_say():
    """Half of the rows go beyond 1, three quarters of those beyond 2."""
    corn = Ordinal().fit(column_of([1, 2, 5]))
    (shares,) = corn.decode(np.array([[logit(0.5), logit(0.75)]]))["probabilities"].to_pylist()
    assert shares == pytest.approx({"1": 0.5, "2": 0.125, "5": 0.375})
    cumulative = Ordinal(rule="cumulative").fit(column_of([1, 2, 5]))
    logits = np.array([[logit(0.5), logit(0.625)]])
    (shares,) = cumulative.decode(logits)["probabilities"].to_pylist()
    assert shares == pytest.approx({"1": 0.5, "2": 0.125, "5": 0.375})


def test_the_answer_is_the_median_and_not_the_likeliest():
    task = Ordinal().fit(column_of([1, 2, 3, 4]))
    logits = np.array([[logit(0.6), logit(2 / 3), logit(0.01)]])  # .4, .2, .396, .004
    answers = task.decode(logits)
    assert answers[""].to_pylist() == [2]
    assert answers["probability"].to_pylist() == pytest.approx([0.2])


def test_scores_by_hand():
    """Answers 1 2 4 4 to truths 1 4 4 2: mistakes of two places and of one along 1, 2, 4."""
    task = Ordinal().fit(column_of([1, 2, 4, 4]))
    beyond = np.array([[0, 0], [1, 0], [1, 1], [1, 1]])
    scores = task.scores(40.0 * (2 * beyond - 1), column_of([1, 4, 4, 1]))
    assert scores["accuracy"] == 0.5
    assert scores["mae"] == pytest.approx((0 + 1 + 0 + 2) / 4)
    # Squared places apart: 0, 1, 0, 4; by chance each answer meets each truth: 28 over 16.
    assert scores["quadratic_kappa"] == pytest.approx(1 - (5 / 4) / (28 / 16))
    assert task.learnt["trivial_mae"] == pytest.approx(3 / 4)
    assert task.gain(scores) == pytest.approx(0)


def test_kappa_is_left_out_where_all_is_one_class():
    task = Ordinal().fit(column_of([1, 2]))
    assert "quadratic_kappa" not in task.scores(np.array([[-9.0]]), column_of([1]))
