from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from plait.errors import DataError
from plait.tasks import Multiclass
from plait.tasks._labels import class_indices, count_classes, labelled_rows, near_class, positions
from tests.unit.tasks.columns import column_of


def test_leaves_out_gaps_and_rows_without_weight():
    labelled = labelled_rows(
        column_of(["a", None, "", "?", "b", "c"]), ["?"], np.array([1] * 5 + [0])
    )
    assert labelled.values.to_pylist() == ["a", "b"]
    np.testing.assert_array_equal(labelled.rows, [0, 4])
    np.testing.assert_array_equal(labelled.weights, [1, 1])


@pytest.mark.parametrize(
    ("cells", "missing"),
    [([1, -1, 2], "-1"), ([1, -1], "-1.0"), ([1.0, -1.0, np.nan], "-1.0"), ([1.0, -1.0], "-1")],
)
def test_a_number_may_mean_missing(cells, missing):
    labelled = labelled_rows(column_of(cells), [missing])
    assert -1 not in labelled.values.to_pylist()
    assert labelled.values.to_pylist()[0] == 1


def test_counts_classes_in_their_natural_order():
    classes, totals = count_classes(pa.array([10, 9, 10]), np.array([1.0, 2.0, 0.5]))
    assert classes == [9, 10]
    np.testing.assert_array_equal(totals, [2, 1.5])


@pytest.mark.parametrize(
    ("cells", "classes", "expected"),
    [
        (["b", "a", "z"], ["a", "b"], [1, 0, -1]),
        ([1.0, 0.0, 0.5], [0, 1], [1, 0, -1]),
        (["1", "0", "one"], [0, 1], [1, 0, -1]),
        ([1, 0, 2], ["0", "1"], [1, 0, -1]),
        ([1.0, 0.0], ["0", "1"], [1, 0]),
        (["True", "false", "?"], [False, True], [1, 0, -1]),
        ([True, False], ["FALSE", "TRUE"], [1, 0]),
        ([1, 0, 2], [False, True], [1, 0, -1]),
    ],
)
def test_a_file_may_write_the_classes_in_another_way(cells, classes, expected):
    np.testing.assert_array_equal(positions(pa.array(cells), pa.array(classes)), expected)


def test_large_whole_numbers_keep_every_digit():
    key = 2**60
    found = positions(pa.array([key, key + 1]), pa.array([key + 1, key + 2]))
    np.testing.assert_array_equal(found, [-1, 0])


def test_an_unseen_class_is_named_with_the_nearest_one():
    labelled = labelled_rows(column_of(["Winter", None, "Sumer", "Autumn", "Sumer"]))
    with pytest.raises(DataError) as error:
        class_indices(labelled, labelled.values, ["Summer", "Winter"], "Multiclass")
    assert str(error.value) == (
        "Column 'answer', row 3 of train.csv: Multiclass never saw the class 'Sumer' in the "
        "training rows. Did you mean 'Summer'? To leave out the labels that it cannot know, declare "
        'Multiclass(missing=["Sumer", "Autumn"]).'
    )


def test_many_classes_are_not_listed():
    classes = [f"class {i}" for i in range(30)]
    assert near_class("zzz", classes) == ""
    assert near_class("clas 7", classes) == " Did you mean 'class 7'?"
    assert near_class("zzz", classes[:2]) == " There is: class 0, class 1."


def test_an_unseen_class_can_be_a_missing_label():
    task = Multiclass(on_unseen="missing").fit(column_of(["a", "b", "b", None]))
    column = column_of(["b", "c", None, "a", "d"])
    found = task.targets(column)
    np.testing.assert_array_equal(found.labelled, [True, False, False, True, False])
    np.testing.assert_array_equal(found.values[found.labelled], [1, 0])
    assert found.unseen == 2
    logits = np.array([[0.0, 1], [9, 0], [9, 0], [0, 1], [9, 0]])
    weights = np.array([3.0, 5, 5, 1, 5])
    assert task.scores(logits, column, weights)["accuracy"] == 0.75
    assert task.scores(logits, column_of(["c"] * 5)) == {}
    with pytest.raises(DataError, match=r'declare Multiclass\(on_unseen="missing"\)'):
        replace(task, on_unseen="raise").targets(column)


def test_bytes_are_classes_only_if_they_are_text():
    assert Multiclass().fit(column_of([b"a", b"b", b"a"])).learnt["classes"] == ["a", "b"]
    with pytest.raises(DataError, match=r"row 2 of train.csv: Multiclass expects .*Received.*xff"):
        Multiclass().fit(column_of([b"a", b"\xff"]))
