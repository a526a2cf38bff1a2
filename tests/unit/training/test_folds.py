"""What is found before the first fold trains, and what a run of folds leaves behind."""

import errno
import json
import math

import pytest

from plait.errors import ConfigError, DataError, PlaitError
from plait.table import Table, folds
from plait.tasks import Multiclass
from plait.training import Run, check_folds, environment, run_folds, write_documents
from plait.training._folds import fold_folders

ROWS = 40
CELLS = {
    "f": ["1"] * 20 + ["2"] * 20,
    "buyer": ["a"] * 20 + ["b"] * 20,
    "lab": ["x", "y"] * 20,
    "w": [1.0] * ROWS,
}
ABOUT = {"config": {"folds": "f"}, "environment": environment(0, table=Table.read(CELLS))}


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


def write(rows, run):
    """What a fold leaves."""
    run.begin(ABOUT)
    scores = {"lab": {"accuracy": rows.test[0] / 40, "auc": math.nan}}
    write_documents(run.folder, {"scores": scores})
    (run.folder / "model.plait").write_text("whole")
    return scores


def every():
    return list(folds(Table.read(CELLS), "f"))


def trained(run, scored):
    with run:
        run.begin(ABOUT)
        return run_folds(every(), run, scored, verbose=False)


def test_a_run_of_folds_has_a_run_for_each(tmp_path):
    run = Run(tmp_path / "r", of_folds=True)
    found = trained(run, write)
    assert found["mean"]["lab"]["accuracy"] == 0.25
    assert json.loads((run.folder / "metrics.json").read_text())["mean"]["lab"]["accuracy"] == 0.25
    left = {path.name for path in run.folder.iterdir()}
    assert left == {"config.json", "environment.json", "fold-1", "fold-2", "metrics.json"}
    with pytest.raises(ConfigError, match="is over"):
        Run(run.folder, resume=True, of_folds=True)


@pytest.mark.parametrize("described", [False, True])
def test_folds_go_on_with_the_one_that_failed(tmp_path, described):
    seen, files = [], {"command.json": "{}"}

    def second_fails(rows, run):
        seen.append((run.folder.name, run.resume))
        if rows.test[0] == 20:
            if described:
                run.begin(ABOUT)
                (run.checkpoints / "000000-000000003.checkpoint").write_text("")
            raise OSError(errno.ENOSPC, "full")
        return write(rows, run)

    run = Run(tmp_path / "r", of_folds=True, files=files)
    with pytest.raises(PlaitError, match=r"`plait fit --resume .*r` then goes on"):
        trained(run, second_fails)
    assert (run.folder / "fold-2").exists() == described
    # As a process that was killed leaves it.
    (run.folder / "fold-2").mkdir(exist_ok=True)
    (run.folder / "fold-2" / "features.json").write_text("{")
    (run.folder / "fold-1" / "checkpoints").mkdir()

    def goes_on(rows, run):
        seen.append((run.folder.name, run.resume))
        return write(rows, run)

    found = trained(Run(tmp_path / "r", resume=True, of_folds=True, files=files), goes_on)
    assert seen == [("fold-1", False), ("fold-2", False), ("fold-2", described)]
    assert not list(run.folder.rglob("checkpoints"))
    assert found["folds"]["1"]["lab"]["accuracy"] == 0.0
    assert math.isnan(found["mean"]["lab"]["auc"])


def test_without_a_fold_to_keep_nothing_is_left(tmp_path):
    def fails(rows, run):
        run.begin(ABOUT)
        raise KeyError

    with pytest.raises(KeyError):
        trained(Run(tmp_path / "r", of_folds=True), fails)
    assert list(tmp_path.iterdir()) == []
