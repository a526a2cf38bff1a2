import errno
import json
import signal

import pytest

from plait.errors import ConfigError, DataError, PlaitError, StoppedError
from plait.inference import write_archive
from plait.table import Table
from plait.training import Run, environment, held_run

FILES = {"command.json": "{}"}
CHECKPOINT = "checkpoints/000000-000000003.checkpoint"


def documents(cells=(1, 2), **others):
    """What a run says that it is about."""
    return {
        "config": {"seed": 0, "training": {"Training": {"epochs": 5}}},
        "features": {"age": {"state": {"mean": 3.0, "nothing": float("nan")}}, "size": {}},
        "tasks": {"sold": {}},
        "environment": environment(0, train=Table.read({"age": list(cells)})),
        **others,
    }


def names(folder):
    return {path.name for path in folder.iterdir()}


def trains(run, error=None, about=None, files=()):
    """The block of a run, which ends with an error, or with what it goes on from."""
    with run:
        goes_on = run.begin(about or documents())
        for name in files:
            (run.folder / name).write_text("mine")
        if error is not None:
            raise error
    return goes_on


def begun(folder, **options):
    """A run that was killed once it had begun."""
    run = Run(folder, **options)
    run.begin(documents())
    run._held.release()
    return folder


def test_a_run_says_what_it_is_about_and_leaves_nothing_to_go_on_from(tmp_path):
    with Run(tmp_path / "r", files=FILES) as run:
        assert names(run.folder) == {".running", "command.json"}
        assert run.begin(documents()).folder == run.folder / "checkpoints"
        assert (run.folder / "checkpoints").is_dir()
    assert names(tmp_path / "r") == {
        "command.json", "config.json", "environment.json", "features.json", "tasks.json",
    }  # fmt: skip


def test_what_says_that_a_run_was_begun_is_written_last(tmp_path):
    run = Run(tmp_path / "r")
    first = {"environment": {}, **documents(tasks=object())}
    with pytest.raises(TypeError):
        run.begin(first)
    assert names(run.folder) == {".running", "checkpoints", "config.json", "features.json"}


def test_a_run_that_fails_removes_what_it_wrote_and_nothing_else(tmp_path):
    with pytest.raises(KeyError):
        trains(Run(tmp_path / "deep" / "r", files=FILES), KeyError())
    assert names(tmp_path) == set()
    with pytest.raises(KeyError):
        trains(Run(tmp_path / "r"), KeyError(), files=["notes.txt"])
    assert names(tmp_path / "r") == {"notes.txt"}


def test_a_run_that_fails_with_a_checkpoint_can_be_gone_on_with(tmp_path):
    with pytest.raises(KeyError):
        trains(Run(tmp_path / "r"), KeyError(), files=[CHECKPOINT])
    kept = names(tmp_path / "r")
    assert {"checkpoints", "environment.json"} <= kept
    assert ".running" not in kept


def test_a_second_ctrl_c_is_as_though_the_run_were_killed(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        trains(Run(tmp_path / "r", files=FILES), KeyboardInterrupt())
    assert {*FILES, "environment.json"} <= names(tmp_path / "r")
    assert ".running" not in names(tmp_path / "r")
    assert trains(Run(tmp_path / "r", resume=True, files=FILES)).resumed is None
    with pytest.raises(KeyboardInterrupt), Run(tmp_path / "early", files=FILES):
        raise KeyboardInterrupt  # Before anything was read.
    assert not (tmp_path / "early").exists()


@pytest.mark.parametrize(
    ("files", "way_back"),
    [(FILES, r"`plait fit --resume .*r`"), ({}, r"fit\(table, run='.*r', resume=True\)")],
)
def test_a_run_that_is_stopped_says_what_goes_on_with_it(files, way_back, tmp_path):
    with pytest.raises(StoppedError, match=f"signal 15. {way_back} goes on where it was."):
        trains(Run(tmp_path / "r", files=files), StoppedError(signal.SIGTERM))
    assert ".running" not in names(tmp_path / "r")
    run, full = Run(tmp_path / "r", resume=True, files=files), StoppedError(15, written=False)
    with pytest.raises(StoppedError, match=r"The disk is full, .* is lost. .* or anew"):
        trains(run, full)


def test_a_disk_that_is_full_is_told_with_the_way_out(tmp_path):
    full = OSError(errno.ENOSPC, "No space left on device")
    with pytest.raises(PlaitError, match=r"disk .* is full: .* Make room; begin anew."):
        trains(Run(tmp_path / "r"), full)
    with pytest.raises(PlaitError, match=r"Make room; `plait fit --resume .*` then goes on."):
        trains(Run(tmp_path / "r", files=FILES), full, files=[CHECKPOINT])


def test_one_that_was_killed_before_it_had_begun_begins(tmp_path):
    run = Run(tmp_path / "r", files=FILES)
    run._held.release()
    assert trains(Run(tmp_path / "r", resume=True, files=FILES)).resumed is None
    assert "environment.json" in names(run.folder)
    with pytest.raises(ConfigError, match="holds no run that was begun"):
        Run(tmp_path / "nowhere", resume=True)
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"cells": (1, 3)}, DataError, "the train rows are not those .*: sha256 .* then, sha256 "),
        (
            {"config": {"seed": 1, "training": {"Training": {"epochs": 6}}}},
            ConfigError,
            "seed was 0 and is 1; training.Training.epochs was 5 and is 6. Bring back",
        ),
        (
            {"features": {"age": {"state": {"mean": 3.5, "nothing": None}}, "size": {}}},
            ConfigError,
            "began otherwise, as its features.json says: age.state.mean was 3.0 and is 3.5. ",
        ),
        (
            {"features": dict(reversed(documents()["features"].items()))},
            ConfigError,
            "order of its columns was .* and is ",
        ),
        ({"tasks": {}}, ConfigError, "sold was {} and is not there"),
    ],
)
def test_a_run_goes_on_as_it_began_or_not_at_all(change, error, message, tmp_path):
    begun(tmp_path / "r")
    with pytest.raises(error, match=message):
        trains(Run(tmp_path / "r", resume=True), about=documents(**change))
    assert ".running" not in names(tmp_path / "r")
    assert trains(Run(tmp_path / "r", resume=True)).resumed is None


@pytest.mark.parametrize("began", [None, "Training", {"Training": {"max_minutes": 5}}])
def test_what_changes_no_step_may_be_another(began, tmp_path):
    run = Run(tmp_path / "r")
    run.begin(documents(config={"seed": 0, "training": began}))
    run._held.release()
    now = {"seed": 0, "training": {"Training": {"max_memory": "4GB", "checkpoint_every": "30s"}}}
    trains(Run(run.folder, resume=True), about=documents(config=now))


def test_a_model_to_begin_with_may_have_moved_and_not_changed(tmp_path):
    def about(name, content):
        write_archive(tmp_path / name, {"learnt": content}, {})
        training = {"Training": {"start": str(tmp_path / name)}}
        rows = Table.read({"age": [1, 2]})
        began = environment(0, str(tmp_path / name), train=rows)
        return documents(config={"seed": 0, "training": training}, environment=began)

    run = Run(tmp_path / "r")
    run.begin(about("one.plait", 1))
    run._held.release()
    assert trains(Run(run.folder, resume=True), about=about("moved.plait", 1)).resumed is None
    run = Run(tmp_path / "s")
    run.begin(about("one.plait", 1))
    run._held.release()
    with pytest.raises(DataError, match="began with what another model had learnt"):
        trains(Run(run.folder, resume=True), about=about("one.plait", 2))


def test_a_part_that_is_gone_is_another_table(tmp_path):
    begun(tmp_path / "r")
    more = documents()
    more["environment"]["data"]["test"] = more["environment"]["data"]["train"]
    with pytest.raises(DataError, match="no such part then"):
        trains(Run(tmp_path / "r", resume=True), about=more)


def test_another_library_is_told_and_another_program_refused(tmp_path, capsys):
    begun(tmp_path / "r")
    now = documents()
    now["environment"]["libraries"]["keras"] = "9.9"
    run = Run(tmp_path / "r", resume=True)
    with pytest.raises(KeyError):
        trains(run, KeyError(), about=now)
    said = json.loads((tmp_path / "r" / "environment.json").read_text())["libraries"]["keras"]
    assert f'otherwise than in \'{run.folder}\': keras was "{said}" and is "9.9".' in (
        capsys.readouterr().err
    )
    now["environment"]["backend"] = "abacus"
    with pytest.raises(ConfigError, match=r"and this is plait .* on abacus"):
        trains(Run(tmp_path / "r", resume=True), about=now)
    # Who repeats a run wants to know whether it comes to the same there.
    trains(Run(tmp_path / "again", like=run.folder), about=now)
    assert 'and is "abacus"' in capsys.readouterr().err


def test_a_repeated_run_is_on_the_same_rows(tmp_path):
    begun(tmp_path / "r")
    with pytest.raises(DataError):
        trains(Run(tmp_path / "again", like=tmp_path / "r"), about=documents(cells=(1, 3)))
    assert names(tmp_path) == {"r"}


def test_documents_that_are_gone_are_told(tmp_path):
    begun(tmp_path / "r")
    (tmp_path / "r" / "config.json").write_text("{")
    with pytest.raises(ConfigError, match=r"config.json does not say any more"):
        trains(Run(tmp_path / "r", resume=True))


PARTS = (".model.plait.7.part", "checkpoints/.000000-000000003.checkpoint.7.part")


def killed(folder, *more):
    begun(folder)
    for name in (CHECKPOINT, *PARTS, *more):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).touch()
    return folder


def hidden(folder):
    return [path for path in folder.rglob(".*") if path.name != ".running"]


def test_what_a_process_that_was_killed_had_half_written_goes(tmp_path):
    run = Run(killed(tmp_path / "r"), resume=True)
    assert hidden(run.folder) == []
    assert (run.folder / CHECKPOINT).exists()
    folds = Run(tmp_path / "folds", of_folds=True)
    killed(folds.folder / "fold-a")
    folds.end()
    assert hidden(folds.folder) == []


def test_of_a_run_that_was_killed_when_it_was_over_no_checkpoint_stays(tmp_path):
    folder = killed(tmp_path / "r", "model.plait")
    with pytest.raises(ConfigError, match="is over"):
        Run(folder, resume=True)
    assert not (folder / "checkpoints").exists()
    assert hidden(folder) == []


def test_where_a_run_goes(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with held_run(False) as none:
        assert none is None
    with held_run(True) as one, held_run(True) as other:
        assert one.folder.parent == other.folder.parent
        assert one.folder != other.folder
    for run in (True, False):
        with pytest.raises(ConfigError, match=f"Received: run={run}. Name the folder"):
            held_run(run, resume=True)
