import json

import pytest

from plait.config import build_learner, load
from plait.errors import ConfigError, StoppedError
from plait.trackers import MLflow, TensorBoard, Tracker, WandB
from plait.training import Run, Training
from plait.training._history import numbers
from plait.training._keeper import Keeper
from tests.unit.inference import tiny
from tests.unit.test_learner import learner


class Remembered(Tracker):
    """Remembers what it is told."""

    def __init__(self, fails_at=None):
        self.fails_at = fails_at
        self.told = []
        self.run = None

    def _tell(self, what, *about):
        if what == self.fails_at:
            raise ConnectionError("no route")
        self.told.append((what, *about))

    def start(self, run):
        self._tell("start")
        self.run = run
        return run.known_as or "me"

    def epoch(self, number, numbers):
        self._tell("epoch", number, numbers)

    def end(self, outcome, best):
        self._tell("end", outcome, best)


def fitted(*trackers, run=False, epochs=2, **options):
    settings = Training(epochs=epochs, batch_size=16, patience=epochs, trackers=list(trackers))
    return learner(training=settings).fit(tiny.columns(), run=run, verbose=False, **options)


def test_a_run_is_told_from_its_start_to_its_end(tmp_path):
    seen = Remembered()
    done = fitted(seen, run=tmp_path / "shop")
    assert [what for what, *_ in seen.told] == ["start", "epoch", "epoch", "end"]
    assert (seen.run.name, seen.run.folder, seen.run.known_as) == (
        "shop",
        tmp_path / "shop",
        None,
    )
    for document in ("config", "environment"):
        assert getattr(seen.run, document) == json.loads(
            (tmp_path / "shop" / f"{document}.json").read_text()
        )
    for (_, number, found), epoch in zip(seen.told[1:3], done.history, strict=True):
        row = numbers(epoch)
        assert number == row["epoch"]
        assert found == {name: row[name] for name in row if name not in ("epoch", "best")}
    best = max(done.history, key=lambda epoch: epoch.number if epoch.best else 0)
    _, outcome, told = seen.told[-1]
    assert (outcome, told["best.epoch"]) == ("finished", best.number)
    assert told["best.sold.auc"] == best.scores["sold"]["auc"]


def test_a_run_that_cannot_be_written_has_failed(tmp_path, monkeypatch):
    def write(*_):
        raise PermissionError("not here")

    monkeypatch.setattr("plait.training._run_once.write_run", write)
    seen = Remembered()
    with pytest.raises(PermissionError):
        fitted(seen, run=tmp_path / "run", epochs=1)
    assert [outcome for what, outcome, *_ in seen.told[1:] if what == "end"] == ["failed"]


def test_a_run_without_a_folder_has_its_config_all_the_same():
    seen = Remembered()
    fitted(seen, epochs=1)
    assert (seen.run.name, seen.run.folder) == ("plait", None)
    assert seen.run.config["training"]["Training"]["batch_size"] == 16
    assert seen.run.environment["data"]["train"]["rows"] > 0


def test_one_that_is_lost_on_the_way_costs_the_run_nothing(tmp_path, capsys):
    lost, seen = Remembered("epoch"), Remembered()
    fitted(lost, seen, run=tmp_path / "run")
    assert lost.told == [("start",)]
    assert [what for what, *_ in seen.told] == ["start", "epoch", "epoch", "end"]
    said = capsys.readouterr().err
    assert said == (
        "The tracker Remembered is told no more of this run: ConnectionError: no route\n"
    )


def test_one_that_cannot_begin_is_told_before_anything_trains(tmp_path):
    seen = Remembered()
    with pytest.raises(ConfigError, match="Remembered cannot begin: ConnectionError: no route"):
        fitted(seen, Remembered("start"), run=tmp_path / "run")
    assert seen.told == [("start",), ("end", "failed", {})]
    assert not (tmp_path / "run").exists()


def test_a_run_that_goes_on_is_the_one_that_it_was(tmp_path, monkeypatch):
    seen = Remembered()

    def stop(keeper, over):
        write(keeper, over)
        raise StoppedError(15)

    write = Keeper._write
    with monkeypatch.context() as patch:
        patch.setattr(Keeper, "_is_due", lambda keeper: True)
        patch.setattr(Keeper, "_write", stop)
        with pytest.raises(StoppedError):
            fitted(seen, run=tmp_path / "run")
    assert seen.told[-1] == ("end", "stopped", {})
    again = Remembered()
    fitted(again, run=tmp_path / "run", resume=True)
    assert again.run.known_as == "me"
    assert again.told[-1][1] == "finished"


def test_trackers_in_a_config(tmp_path):
    (tmp_path / "t.csv").write_text("a,b\n1,2\n")
    config = tmp_path / "c.yaml"
    start = "data: t.csv\nfeatures: {a: Number}\ntasks: {b: Regression}\n"
    config.write_text(
        f"{start}training:\n  trackers: [TensorBoard, {{MLflow: {{experiment: x}}}}, "
        "{WandB: {mode: offline}}]\n"
    )
    board, flow, wandb = build_learner(load(config)).training.trackers
    assert isinstance(board, TensorBoard)
    assert isinstance(flow, MLflow)
    assert flow.experiment == "x"
    assert isinstance(wandb, WandB)
    config.write_text(f"{start}training: {{trackers: TensorBoard}}\n")
    assert len(build_learner(load(config)).training.trackers) == 1
    for wrong, message in (
        ("[tensorboard]", r"c.yaml:4:\d+: .*Did you mean 'TensorBoard'"),
        ("[{WandB: {mode: off}}]", r"c.yaml:4:\d+"),
    ):
        config.write_text(f"{start}training: {{trackers: {wrong}}}\n")
        with pytest.raises(ConfigError, match=message):
            load(config)


@pytest.mark.parametrize("wrong", [TensorBoard(), "TensorBoard", [TensorBoard], ["TensorBoard"]])
def test_trackers_are_a_list_of_objects(wrong):
    with pytest.raises(ConfigError, match="trackers"):
        Training(trackers=wrong)


def test_a_run_that_fails_takes_its_trackers_folders_along(tmp_path):
    run = Run(tmp_path / "run")
    run.checkpoints.mkdir()
    run.owns(run.folder / "tensorboard")
    (run.folder / "tensorboard").mkdir()
    (run.folder / "tensorboard" / "events").write_text("")
    run.fail()
    assert not run.folder.exists()
