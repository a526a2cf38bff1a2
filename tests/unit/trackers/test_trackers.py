"""Each tracker beside its own package, and beside fakes."""

import json
import sys
from types import SimpleNamespace

import pytest

from plait.errors import ConfigError
from plait.trackers import Begun, MLflow, TensorBoard, WandB

CONFIG = {"width": 8, "training": {"Training": {"epochs": 2}}, "features": {"a b?": "Number"}}
ENVIRONMENT = {"plait": "0.1.0", "data": {"train": {"rows": 3}}}
NUMBERS = {"loss": 0.5, "price.mae": 1.5}
BEST = {"best.loss": 0.5, "best.epoch": 2.0}


def begun(folder, known_as=None):
    return Begun("a-run", folder, CONFIG, ENVIRONMENT, known_as)


def told(tracker, folder, known_as=None, outcome="finished"):
    """What a whole run tells."""
    called = tracker.start(begun(folder, known_as))
    for number in (1, 2):
        tracker.epoch(number, {**NUMBERS, "loss": 1 / number})
    tracker.end(outcome, BEST if outcome == "finished" else {})
    return called


@pytest.mark.parametrize(
    ("tracker", "package"),
    [(TensorBoard(), "tensorboard"), (MLflow(), "mlflow"), (WandB(), "wandb")],
)
def test_a_package_that_is_not_there_is_named_with_its_extra(
    tracker, package, tmp_path, monkeypatch
):
    for name in [n for n in sys.modules if n.partition(".")[0] == package]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ConfigError, match=rf"{package}: pip install 'plait\[{package}\]'"):
        tracker.start(begun(tmp_path))


def test_a_folder_is_needed_to_write_events_to():
    with pytest.raises(ConfigError, match="this run has none"):
        TensorBoard().start(begun(None))


def test_tensorboard_reads_its_events(tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    before = "tensorflow" in sys.modules
    told(TensorBoard(), tmp_path)
    # The run was killed in its second epoch and goes on.
    again = TensorBoard()
    again.start(begun(tmp_path))
    again.epoch(2, {"loss": 0.25})
    again.end("finished", {})
    assert ("tensorflow" in sys.modules) == before
    read = EventAccumulator(str(tmp_path / "tensorboard"))
    read.Reload()
    assert [(e.step, e.value) for e in read.Scalars("loss")] == [(1, 1.0), (2, 0.25)]
    assert [(e.step, e.value) for e in read.Scalars("best.loss")] == []
    (config,) = read.Tensors("config")[-1].tensor_proto.string_val
    assert json.loads(config) == CONFIG


def test_mlflow_reads_its_runs(tmp_path, monkeypatch):
    import mlflow

    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    uri = f"file://{tmp_path}/mlruns"
    tracker = MLflow(uri, "shop")
    known = told(tracker, tmp_path, outcome="stopped")
    client = mlflow.MlflowClient(tracking_uri=uri)
    assert client.get_run(known).info.status == "KILLED"
    assert told(MLflow(uri, "shop"), tmp_path, known_as=known) == known
    run = client.get_run(known)
    assert (run.info.run_name, run.info.status) == ("a-run", "FINISHED")
    assert run.data.params == {
        "width": "8",
        "training.Training.epochs": "2",
        "features.a b_": "Number",
    }
    assert run.data.tags.items() >= {("plait", "0.1.0"), ("data.train.rows", "3")}
    assert run.data.metrics == {"loss": 0.5, "price.mae": 1.5, **BEST}
    assert [m.step for m in client.get_metric_history(known, "price.mae")] == [1, 2, 1, 2]


class FakeMLflow:
    """Of MLflow's client what a tracker calls; it remembers the calls."""

    Param = Metric = RunTag = staticmethod(lambda *given: given)

    def __init__(self):
        self.calls = []

    def MlflowClient(self, tracking_uri):
        self.calls.append(("client", tracking_uri))
        return self

    def get_experiment_by_name(self, name):
        return None if name == "new" else SimpleNamespace(experiment_id=f"id of {name}")

    def create_experiment(self, name):
        return f"made {name}"

    def create_run(self, experiment, run_name):
        self.calls.append(("run", experiment, run_name))
        return SimpleNamespace(info=SimpleNamespace(run_id="r1"))

    def update_run(self, run, status):
        self.calls.append(("update", run, status))

    def log_batch(self, run, **what):
        ((kind, items),) = what.items()
        assert len(items) <= 100
        self.calls.append((kind, run, items))

    def set_terminated(self, run, status):
        self.calls.append(("over", run, status))


@pytest.fixture
def fake_mlflow(monkeypatch):
    fake = FakeMLflow()
    monkeypatch.setitem(sys.modules, "mlflow", fake)
    monkeypatch.setitem(sys.modules, "mlflow.entities", fake)
    return fake


def test_what_mlflow_is_told(fake_mlflow, tmp_path):
    assert told(MLflow("http://there", "shop"), tmp_path) == "r1"
    calls = fake_mlflow.calls
    assert calls[:2] == [("client", "http://there"), ("run", "id of shop", "a-run")]
    assert ("training.Training.epochs", "2") in calls[2][2]
    assert calls[3] == ("tags", "r1", [("plait", "0.1.0"), ("data.train.rows", "3")])
    assert [(m[0], m[1], m[3]) for m in calls[5][2]] == [("loss", 0.5, 2), ("price.mae", 1.5, 2)]
    assert [m[:2] for m in calls[6][2]] == list(BEST.items())
    assert calls[7] == ("over", "r1", "FINISHED")


def test_mlflow_goes_on_with_the_run_that_it_knows(fake_mlflow, tmp_path):
    assert told(MLflow(), tmp_path, known_as="r0", outcome="failed") == "r0"
    kinds = [call[0] for call in fake_mlflow.calls]
    assert kinds == ["client", "update", "metrics", "metrics", "over"]
    assert fake_mlflow.calls[-1] == ("over", "r0", "FAILED")


def test_mlflow_is_given_long_configs_in_parts(fake_mlflow, tmp_path):
    tracker = MLflow(experiment="new")
    config = {f"{n}{'k' * 300}": "v" * 9000 for n in range(250)}
    tracker.start(Begun("a-run", tmp_path, config, {}))
    assert fake_mlflow.calls[1] == ("run", "made new", "a-run")
    sizes = [len(call[2]) for call in fake_mlflow.calls[2:]]
    assert sizes == [100, 100, 50]
    assert {(len(key), len(value)) for key, value in fake_mlflow.calls[2][2]} == {(250, 500)}


class FakeWandB:
    """Of `wandb` what a tracker calls."""

    def __init__(self):
        self.logged, self.summary, self.ended = [], {}, None

    def init(self, **options):
        self.options, self.id = options, options["id"] or "w1"
        return self

    def log(self, numbers, step):
        self.logged.append((step, numbers["loss"]))

    def finish(self, exit_code):
        self.ended = exit_code


def test_what_wandb_is_told(monkeypatch, tmp_path):
    fake = FakeWandB()
    monkeypatch.setitem(sys.modules, "wandb", fake)
    assert told(WandB("shop", mode="offline"), tmp_path) == "w1"
    assert fake.options == {
        "project": "shop",
        "entity": None,
        "mode": "offline",
        "name": "a-run",
        "id": None,
        "resume": None,
        "dir": str(tmp_path),
        "config": {**CONFIG, "environment": ENVIRONMENT},
    }
    assert fake.logged == [(1, 1.0), (2, 0.5)]
    assert (fake.summary, fake.ended) == (BEST, 0)
    assert told(WandB(), tmp_path, known_as="w0", outcome="stopped") == "w0"
    assert (fake.options["id"], fake.options["resume"], fake.ended) == ("w0", "allow", 1)


def test_wandb_has_two_modes():
    with pytest.raises(ConfigError, match=r"'online' or 'offline'. Received: 'off'"):
        WandB(mode="off")


def test_wandb_writes_to_the_folder_of_the_run_offline(tmp_path):
    told(WandB("shop", mode="offline"), tmp_path)
    (run,) = (tmp_path / "wandb").glob("offline-run-*")
    assert list(run.glob("*.wandb"))
