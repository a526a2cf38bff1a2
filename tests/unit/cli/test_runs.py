import json
import re
import sys
from dataclasses import replace
from types import SimpleNamespace

import pytest
from tests.unit.inference import tiny
from tests.unit.training.test_run_folder import HISTORY

from plait.cli import main
from plait.cli._rerun import differences
from plait.cli._runs import Began
from plait.config._source import parse_source
from plait.errors import ConfigError
from plait.inference import Predictor
from plait.training import write_run

CONFIG = """\
data: t.csv
features: {age: Number}
tasks: {sold: Regression}
fusion: {my_parts.MyFusion: {width: 4}}
training: {epochs: 1}
width: 4
"""


@pytest.mark.parametrize(
    ("option", "message"),
    [
        (["--max-memory", "4GB"], "holds no run that `plait fit` began"),
        (["--set", "training.checkpoint_every=30s"], "holds no run that `plait fit` began"),
        (["--set", "training.epochs=3"], "goes on with a run as it began"),
        (["--max-minutes", "3", "--devices", "2"], "goes on with a run as it began"),
    ],
)
def test_what_changes_no_step_goes_with_resume(option, message, tmp_path, capsys):
    assert main(["fit", "--resume", str(tmp_path), *option]) == 2
    assert message in capsys.readouterr().err


def test_what_the_config_freezes_stays_frozen_with_the_trunk(folder, monkeypatch):
    class Built(Exception):
        pass

    def build(config):
        raise Built(config.arguments["training"].freeze)

    monkeypatch.setattr("plait.cli._fit.build_learner", build)
    config = folder / "code" / "c.yaml"
    config.write_text(CONFIG.replace("{epochs: 1}", "{freeze: [age]}"))
    words = ("fit", config, "--data", folder / "data", "--from", "r", "--freeze-trunk")
    with pytest.raises(Built) as caught:
        main([*map(str, words)])
    assert caught.value.args == (("age", "start"),)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A config with a class of the user's own beside it, and the data elsewhere."""
    # What a config adds to the import path goes with the test.
    monkeypatch.setattr(sys, "path", [*sys.path])
    (tmp_path / "code").mkdir()
    (tmp_path / "data").mkdir()
    (tmp_path / "code" / "my_parts.py").write_text(
        "import plait\n\n\nclass MyFusion(plait.Concat):\n    pass\n"
    )
    (tmp_path / "code" / "c.yaml").write_text(CONFIG)
    cells = "".join(f"{n},{n % 7}\n" for n in range(40))
    (tmp_path / "data" / "t.csv").write_text("age,sold\n" + cells)
    yield tmp_path
    sys.modules.pop("my_parts", None)


def test_a_run_finds_its_data_and_the_users_own_classes_again(folder, capsys):
    run = folder / "run"
    words = ("fit", folder / "code" / "c.yaml", "--data", folder / "data", "--run", run, "--quiet")
    assert main([str(word) for word in words]) == 0
    again = Began.read(run)
    assert (again.data_dir, again.code_dir) == (folder / "data", folder / "code")
    for name in ("run", "run-rerun"):
        # As in a new process.
        sys.modules.pop("my_parts")
        sys.path.remove(str(folder / "code"))
        capsys.readouterr()
        assert main(["rerun", str(folder / name), "--quiet"]) == 0, capsys.readouterr().err
        assert capsys.readouterr().out.endswith(f"{name}-rerun: the same weights and history\n")


def test_a_run_holds_no_password_and_a_config_that_is_read_again(folder, monkeypatch):
    place = folder / "code" / "c.yaml"
    monkeypatch.setattr(sys, "argv", ["plait", "fit", "--set", "data=ftp://u:secret@h/t.csv"])
    source = parse_source('data: {SQL: {uri: "postgresql://u:secret@h/d", query: a}}\n', "c.yaml")
    config = SimpleNamespace(path=place, document=source.document)
    files = Began(place, folder, folder).files(config)
    assert not any("secret" in text for text in files.values())
    again = parse_source(files["plait.yaml"], "plait.yaml").document
    assert again == {"data": {"SQL": {"uri": "postgresql://u:...@h/d", "query": "a"}}}


def test_a_run_of_folds_is_repeated_fold_by_fold(folder, capsys):
    run, config = folder / "run", folder / "code" / "c.yaml"
    words = ("fit", config, "--data", folder / "data", "--run", run, "--folds", "2", "--quiet")
    assert main([*map(str, words)]) == 0
    capsys.readouterr()
    assert main(["rerun", str(run), "--quiet"]) == 0, capsys.readouterr().err
    assert capsys.readouterr().out == f"{run}-rerun: the same weights and history\n"
    assert len([*(folder / "run-rerun").glob("fold-*/model.plait")]) == 2
    (folder / "run" / "fold-0" / "model.plait").write_bytes(
        (folder / "run" / "fold-1" / "model.plait").read_bytes()
    )
    assert main(["rerun", str(run), "--quiet"]) == 1
    assert "fold-0: the weights: " in capsys.readouterr().err
    (run / "metrics.json").unlink()
    assert main(["rerun", str(run)]) == 2
    assert "is not over. `plait fit --resume" in capsys.readouterr().err


def test_what_is_no_run_of_a_config_is_told(tmp_path):
    for said in (None, "{", "[]", json.dumps({"data_dir": "."})):
        if said is not None:
            (tmp_path / "command.json").write_text(said)
        with pytest.raises(ConfigError, match=r"no run that `plait fit` began: its command.json"):
            Began.read(tmp_path)


def test_two_runs_are_compared_by_their_history_and_each_weight(tmp_path):
    declared = tiny.declaration()
    longer = (*HISTORY, replace(HISTORY[1], number=3))
    slower = [replace(epoch, seconds=9.0) for epoch in HISTORY]
    lossy = [replace(epoch, loss=-0.0 * epoch.loss) for epoch in HISTORY]
    for name, seed, history in (
        ("one", 0, HISTORY), ("same", 0, slower), ("seed", 1, HISTORY), ("long", 0, longer),
        ("loss", 0, lossy),
    ):  # fmt: skip
        write_run(tmp_path / name, Predictor.build(declared, seed), history, {})
    found = {
        n: differences(tmp_path / "one", tmp_path / n) for n in ("same", "seed", "long", "loss")
    }
    assert found["same"] == []
    assert found["long"] == ["the history: 2 epochs were, 3 are"]
    assert found["loss"] == ["the history: 'loss' is another"]
    (weights,) = found["seed"]
    assert re.fullmatch(r"the weights: \d+ arrays are others, first [\w/]+", weights)
