"""What is found before the first fold trains, and what a run of folds leaves behind."""

import json

import numpy as np
import pytest

from plait.errors import ConfigError, DataError
from plait.table import Table, folds
from plait.tasks import Multiclass
from plait.training import check_folds, run_folds
from plait.training._folds import fold_folders

ROWS = 40
CELLS = {
    "f": ["1"] * 20 + ["2"] * 20,
    "buyer": ["a"] * 20 + ["b"] * 20,
    "lab": ["x", "y"] * 20,
    "w": [1.0] * ROWS,
}


def checked(spec="f", by=None, weight=None, **changed):
    table = Table.read({**CELLS, **changed})
    every = list(folds(table, spec, ["lab"], 0, by))
    check_folds(table, every, {"lab": Multiclass()}, weight, by)


def test_good_folds_pass():
    checked()
    checked(spec=3, weight="w")


def test_a_class_of_one_fold_alone_is_told_before_any_trains():
    labels = [*CELLS["lab"][:-1], "ghost"]
    with pytest.raises(DataError, match=r"Fold '2': .*row 40 .*'ghost'.*on_unseen="):
        checked(lab=labels)
    # A row that does not count teaches nothing, and is not asked for.
    checked(lab=labels, w=[1.0] * 39 + [0.0], weight="w")


def test_a_fold_without_a_label_says_what_to_do():
    with pytest.raises(DataError, match=r"Fold '3': none of its 10 rows has a label.* folds empty"):
        checked(f=[*CELLS["f"][:30], *["3"] * 10], lab=[*CELLS["lab"][:30], *[None] * 10])


@pytest.mark.parametrize("spec", [2, "f"])
def test_groups_that_leave_nothing_to_choose_by_say_what_to_do(spec):
    with pytest.raises(ConfigError, match=r"no row to choose the best epoch by.*`--folds buyer`"):
        checked(spec=spec, by="buyer")


def test_no_two_folds_share_a_folder():
    names = ["a b", "a_b", "A b", "c", "x" * 300]
    folders = fold_folders(names)
    assert list(folders) == names
    assert list(folders.values())[:4] == ["fold-a_b", "fold-a_b-2", "fold-A_b-3", "fold-c"]
    assert all(len(folder) <= 103 for folder in folders.values())


def write(rows, here):
    here.mkdir()
    (here / "seen").write_text(str(len(rows.test)))
    return {"lab": {"accuracy": 0.5}}


def every():
    return list(folds(Table.read(CELLS), "f"))


@pytest.mark.parametrize("there", [False, True])
def test_a_run_of_folds_is_there_when_it_is_over(tmp_path, there):
    run = tmp_path / "r"
    if there:
        run.mkdir()
    found = run_folds(every(), run, write, verbose=False)
    assert json.loads((run / "metrics.json").read_text()) == found
    assert sorted(path.name for path in run.iterdir()) == ["fold-1", "fold-2", "metrics.json"]
    assert (run / "fold-2" / "seen").read_text() == "20"
    assert [path.name for path in tmp_path.iterdir()] == ["r"]


def test_a_fold_that_fails_leaves_nothing(tmp_path):
    def second_fails(rows, here):
        if np.array_equal(rows.test, np.arange(20, 40)):
            raise KeyError
        return write(rows, here)

    with pytest.raises(KeyError):
        run_folds(every(), tmp_path / "r", second_fails, verbose=False)
    assert list(tmp_path.iterdir()) == []
