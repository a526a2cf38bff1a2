from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from plait.errors import ConfigError, DataError
from plait.tasks import Multilabel
from plait.tasks._ones import Ones
from tests.unit.tasks.columns import column_of

TASK = Multilabel().fit(column_of([["a"], ["b"], ["a", "c"]]))


@pytest.mark.parametrize(
    ("cells", "separator"),
    [
        (["a|b, c", "a"], "|"),
        (["a;b, c", "a"], ";"),
        (["a,b", "a"], ","),
        (["a b", "a"], None),
    ],
)
def test_finds_the_separator(cells, separator):
    assert Multilabel().fit(column_of(cells)).learnt["separator"] == separator


def test_an_empty_list_is_a_label_and_null_is_none():
    targets = TASK.targets(column_of([[], None], pa.list_(pa.string())))
    np.testing.assert_array_equal(targets.labelled, [True, False])
    np.testing.assert_array_equal(targets.values, np.zeros((2, 3)))


@pytest.mark.parametrize(
    "kind", [pa.large_list(pa.string()), pa.list_(pa.dictionary(pa.int8(), pa.string()))]
)
def test_lists_of_other_types(kind):
    targets = TASK.targets(column_of([["c"], ["a", "b"]], kind))
    np.testing.assert_array_equal(targets.values, [[0, 0, 1], [1, 1, 0]])


def test_lists_of_one_length():
    targets = TASK.targets(column_of([["c", "a"], None, ["a", "b"]], pa.list_(pa.string(), 2)))
    np.testing.assert_array_equal(targets.values, [[1, 0, 1], [0, 0, 0], [1, 1, 0]])


def test_scores_by_hand():
    """Truths a, b, none; answers a, a, none: one hit, one false alarm, one miss."""
    logits = np.array([[3.0, -1, -9], [2, -2, -9], [-1, -3, -9]])
    scores = TASK.scores(logits, column_of([["a"], ["b"], []]))
    assert scores["micro_f1"] == pytest.approx(0.5)
    assert scores["macro_f1"] == pytest.approx((2 / 3 + 0) / 2)
    assert scores["subset_accuracy"] == pytest.approx(2 / 3)
    assert scores["auc"] == pytest.approx((1 + 0.5) / 2)
    assert TASK.gain(scores) == pytest.approx(0.5)


def test_what_rows_without_labels_do_not_define_is_left_out():
    scores = TASK.scores(np.full((2, 3), -50.0), column_of([[], []], pa.list_(pa.string())))
    assert set(scores) == {"subset_accuracy", "log_loss"}
    assert TASK.gain(scores) == pytest.approx(1)


def test_the_row_of_an_unseen_label_is_named():
    with pytest.raises(DataError, match=r"row 2 of train.csv.*never saw the class 'z'"):
        TASK.targets(column_of([["a", "b"], ["a", "z"]]))


@pytest.mark.parametrize(
    ("taught", "cells"),
    [
        ([["a"], ["b"], ["a", "b"]], [["a", "dep"], ["dep"], ["b"], None]),
        (["a", "b", "a|b"], ["a|dep", "dep", "b", None]),
    ],
)
def test_the_way_out_of_an_unseen_label_works(taught, cells):
    task = Multilabel().fit(column_of(taught))
    column = column_of(cells)
    with pytest.raises(DataError, match=r'declare Multilabel\(on_unseen="missing"\)'):
        task.targets(column)
    found = replace(task, on_unseen="missing").targets(column)
    np.testing.assert_array_equal(found.values, [[1, 0], [0, 0], [0, 1], [0, 0]])
    np.testing.assert_array_equal(found.labelled, [True, True, True, False])
    assert found.unseen == 2
    logits = np.array([[5.0, -5], [-5, -5], [-5, 5], [5, 5]])
    assert replace(task, on_unseen="missing").scores(logits, column)["subset_accuracy"] == 1


@pytest.mark.parametrize(
    "cells",
    [
        [["a", "n/a"], ["n/a"], ["b"], [], ["n/a", "b"], None],
        ["a|n/a", "n/a", "b", "|", "n/a|b", None],
        [[1, -1], [-1], [2], [], [-1, 2], None],
    ],
)
def test_a_label_in_a_list_may_mean_missing(cells):
    column = column_of(cells)
    task = Multilabel(missing=("n/a", "-1.0")).fit(column)
    assert task.learnt["shares"] == [1 / 4, 2 / 4]
    found = task.targets(column)
    np.testing.assert_array_equal(found.labelled, [True, False, True, True, True, False])
    np.testing.assert_array_equal(found.values, [[1, 0], [0, 0], [0, 1], [0, 0], [0, 1], [0, 0]])


@pytest.mark.parametrize("label", [{"x": 1}, [1], b"\xff"])
def test_lists_of_what_is_no_label_are_refused(label):
    with pytest.raises(DataError, match=r"row 3 of train.csv: Multilabel expects labels"):
        Multilabel().fit(column_of([None, [], [label]]))


def test_a_list_written_as_text_is_refused():
    with pytest.raises(DataError, match=r"row 1 of train.csv.*Received the text .\['a'"):
        Multilabel().fit(column_of(["['a', 'b']", "['a']"]))


def test_single_labels_belong_to_multiclass():
    with pytest.raises(DataError, match=r"row 2 of train.csv.*int64 4.*Multiclass\(\)"):
        Multilabel().fit(column_of([None, 4, 5]))


def test_an_empty_separator_is_refused():
    with pytest.raises(ConfigError, match="separator is"):
        Multilabel(separator="")
    with pytest.raises(ConfigError, match="on_unseen is"):
        Multilabel(on_unseen="skip")
    for focal in (-1.0, (0, -1), (1, 2, 3)):
        with pytest.raises(ConfigError, match="focal is"):
            Multilabel(focal=focal)
    with pytest.raises(ConfigError, match="margin is"):
        Multilabel(margin=1.0)
    with pytest.raises(ConfigError, match="label_smoothing is"):
        Multilabel(label_smoothing=0.1, focal=(0, 4))


def test_ones_are_indexed_like_an_array():
    dense = np.random.default_rng(0).random((7, 5)) < 0.3
    dense[2] = False
    rows, columns = np.nonzero(dense)
    again = np.random.default_rng(1).permutation(np.r_[np.arange(len(rows)), 0])
    ones = Ones(dense.shape, rows[again], columns[again])
    assert (len(ones), ones.shape, ones.dtype) == (7, (7, 5), np.float32)
    for at in (np.array([6, 2, 2, 0]), np.array([], "int64"), 3, dense[:, 0]):
        np.testing.assert_array_equal(ones[at], dense[at])
    np.testing.assert_array_equal(ones, dense)


def test_targets_of_many_labels_take_what_is_in_them():
    """Of 20,000 rows and as many labels 1.6 GB would be needed."""
    cells = [[f"l{n}", f"l{n // 2}"] for n in range(20_000)]
    task = Multilabel().fit(column_of(cells))
    assert len(task.learnt["labels"]) == 20_000
    values = task.targets(column_of(cells)).values
    assert values.shape == (20_000, 20_000)
    assert values[np.array([5])].sum() == 2
