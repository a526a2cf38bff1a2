import numpy as np
import pyarrow as pa
import pytest
from PIL import Image as Pillow

from plait.cli._inspect import inspect
from plait.encoders import NumberEmbedding
from plait.features import Category, CategorySet, Image, Number
from plait.learner import Learner
from plait.table import Table
from plait.tasks import Binary, Count, Multiclass, Regression, Segmentation


def parts(**spoilt):
    train = {
        "age": [1.0, 2.0, None, 4.0],
        "kind": ["a", "b", "a", "b"],
        "sold": ["yes", "no", "yes", None],
        "price": [1.0, 2.0, 3.0, 4.0],
    }
    whole = {**train, **{name: cells for name, cells in spoilt.items() if len(cells) == 4}}
    held_out = {name: cells[:2] for name, cells in train.items()}
    held_out |= {name: cells for name, cells in spoilt.items() if len(cells) == 2}
    return {
        "train": Table(pa.table(whole), "rows.csv"),
        "validation": Table(pa.table(held_out), "held.csv"),
    }


def report(tables, **arguments):
    learner = Learner(
        {"age": Number(), "kind": Category()},
        {"sold": Binary(), "price": Regression()},
        **arguments,
    )
    return inspect(learner, tables)


def test_good_data_have_no_problem():
    found = report(parts())
    assert (found.problems, found.warnings) == ([], [])
    text = "\n".join(found.lines)
    assert "rows: train 4, validation 2" in text
    assert "feature age: Number, 1 of 6 cells empty, encoder NumberEmbedding" in text
    assert "task sold: Binary, labelled: train 3 of 4, validation 2 of 2" in text
    assert "  yes 2, no 1" in text


def test_numbers_that_mean_missing_are_counted_as_empty():
    learner = Learner({"age": Number(missing=("-1.0",))}, {"sold": Binary()})
    found = inspect(learner, parts(age=[-1, 1, -1, 2]))
    assert "feature age: Number, 2 of 6 cells empty" in "\n".join(found.lines)


def test_every_problem_is_found_not_the_first_alone():
    found = report(parts(age=["1", "old", "2", "3"], sold=["yes"] * 4, price=["1", "x", "2", "3"]))
    assert len(found.problems) == 3
    for part in ("'old'", "'yes'", "'x'"):
        assert any(part in problem for problem in found.problems)


def test_a_label_that_training_never_saw():
    (problem,) = report(parts(sold=["yes", "maybe"])).problems
    assert "'maybe'" in problem
    assert "held.csv" in problem


def test_labels_left_out_as_unseen_are_counted():
    learner = Learner({"age": Number()}, {"kind": Multiclass(on_unseen="missing")})
    found = inspect(learner, parts(kind=["a", "z"]))
    assert not found.problems
    assert found.warnings == [
        "task 'kind': 1 validation labels are of classes that no training row has, and are left out."
    ]


def test_values_of_sets_that_training_never_saw_are_counted():
    sets = {
        "train": [["a", "b", "a2"], ["a"], ["b", "a2"], None],
        "validation": [["a", "z", "y"], ["z"]],
    }
    tables = {
        part: Table(
            pa.table({"tags": cells, "sold": ["yes", "no"] * (len(cells) // 2)}), f"{part}.csv"
        )
        for part, cells in sets.items()
    }
    found = inspect(Learner({"tags": CategorySet()}, {"sold": Binary()}), tables)
    assert (found.problems, found.warnings) == ([], [])
    assert "  3 values in 2 validation rows mean 'unknown': " in "\n".join(found.lines)


def test_counts_and_quantiles_are_no_classes():
    learner = Learner({"age": Number()}, {"price": Count(), "kind": Multiclass()})
    text = "\n".join(inspect(learner, parts()).lines)
    assert "task price: Count, labelled: train 4 of 4" in text
    assert "a 2, b 2" in text
    assert "1.0 1" not in text


def test_an_input_or_label_that_a_part_lacks_altogether_is_a_warning():
    found = report(parts(age=[None, None], price=[None, None]))
    assert not found.problems
    assert found.warnings == [
        "column 'age' of held.csv is empty in every validation row.",
        "task 'price': no validation row has a label.",
    ]


class Torn(NumberEmbedding):
    """Refuses when it is built, as only a graph finds."""

    def build(self, values_shape, lengths_shape=None):
        raise ValueError("no number will do")


def test_a_model_that_cannot_be_built_is_found():
    tables = parts()
    learner = Learner({"age": Number(encoder=Torn())}, {"sold": Binary()})
    (problem,) = inspect(learner, tables).problems
    assert problem.startswith("Feature 'age': Torn cannot read arrays of the shape (None, 1)")
    assert "no number will do" in problem


@pytest.mark.parametrize("argument", ["key", "weight"])
def test_a_column_that_is_not_there(argument):
    problem, *_ = report(parts(), **{argument: "pric"}).problems
    assert "'pric'" in problem
    assert "Did you mean 'price'?" in problem


def test_what_is_to_be_answered_is_no_leak():
    cells = {"actor": [f"a{n % 12}" for n in range(48)], "age": list(range(48))}
    tables = {part: Table(pa.table(cells), "t.csv") for part in ("train", "validation")}
    told = inspect(Learner({"age": Number()}, {"actor": Multiclass()}), tables).warnings
    assert told == []
    (warning,) = inspect(Learner({"actor": Category()}, {"age": Regression()}), tables).warnings
    assert "split: {by: actor}" in warning


def test_rows_of_weight_0_are_not_looked_at():
    spoilt = {"sold": ["maybe", "no", "yes", None], "w": [0, 1, 1, 1]}
    tables = parts(**spoilt)
    tables["validation"] = Table(pa.table({**tables["validation"].arrow.to_pydict(), "w": [0, 0]}))
    found = report(tables, weight="w")
    assert "rows: train 3, validation 2" in found.lines
    (problem,) = found.problems
    assert "each of these 2 rows has weight 0" in problem


def test_a_category_or_class_that_looks_like_a_gap_is_told():
    found = report(parts(kind=["a", "NA", "a", "b"], sold=["yes", "?", "yes", None]))
    category, label = (w for w in found.warnings if "of its own" in w)
    assert category == (
        "feature 'kind': 'NA' in rows.csv is a category of its own. If it means missing, declare "
        '`kind: {Category: {missing: ["NA"]}}`.'
    )
    assert label.startswith("task 'sold': '?' in rows.csv is a class of its own.")


def test_a_word_that_is_declared_missing_is_not_told():
    learner = Learner({"kind": Category(missing=("NA",))}, {"sold": Binary()})
    assert not inspect(learner, parts(kind=["a", "NA", "a", "b"])).warnings


def test_a_feature_that_always_says_the_same_is_told():
    assert "every training row says 'a'" in report(parts(kind=["a"] * 4)).warnings[0]
    assert not report(parts(kind=["a", None, "a", "a"])).warnings


def test_masks_are_read_and_the_bad_ones_named(tmp_path):
    grey, odd = np.zeros((4, 6), "uint8"), np.full((4, 6), 9, "uint8")
    grey[:, 3:] = 1
    for name, pixels in (("good", grey), ("odd", odd), ("small", grey[:2])):
        Pillow.fromarray(pixels).save(tmp_path / f"{name}.png")
    (tmp_path / "train.csv").write_text("photo,mask\n" + "good.png,good.png\n" * 3)
    (tmp_path / "test.csv").write_text("photo,mask\ngood.png,odd.png\ngood.png,small.png\n")
    tables = {part: Table.read(tmp_path / f"{part}.csv") for part in ("train", "test")}
    mask = Segmentation(of="photo", classes=("a", "b"))
    found = inspect(Learner({"photo": Image()}, {"mask": mask}), tables)
    assert "task mask: Segmentation, labelled: train 3 of 3, test 2 of 2" in found.lines
    assert len(found.problems) == 2
    assert "value 9 in row 0, column 0" in found.problems[0]
    assert "is 6 x 2, and its picture 6 x 4" in found.problems[1]
