"""`plait fit --group`: two runs, the second by what the first has measured."""

import json

import numpy as np
import pyarrow as pa
import pyarrow.csv as csv
import pytest

from plait import Predictor
from plait.cli import _fit_groups, main
from plait.config import load

CONFIG = """
data: train.csv
features: {a: Number, b: Number}
tasks: {one: Binary, same: Binary, other: Binary}
width: 4
training: {epochs: 2, batch_size: 32}
"""


@pytest.fixture
def config(tmp_path):
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 96))
    table = {"a": a, "b": b, "one": a > 0, "same": a > 0, "other": b > 0}
    csv.write_csv(
        pa.table({k: np.asarray(v, float) for k, v in table.items()}), tmp_path / "train.csv"
    )
    (tmp_path / "plait.yaml").write_text(CONFIG)
    return tmp_path / "plait.yaml"


def test_a_trunk_for_each_group(config, tmp_path, capsys, monkeypatch):
    measured = []

    def found(affinity, tasks, most):
        measured.append((affinity, tuple(tasks), most))
        return [["one", "same"], ["other"]]

    monkeypatch.setattr(_fit_groups, "groups_by_affinity", found)
    run = tmp_path / "r"
    assert main(["fit", str(config), "--group", "auto", "--run", str(run), "--quiet"]) == 0
    ((affinity, tasks, most),) = measured
    assert (tasks, most) == (("one", "same", "other"), 3)
    # A step for one of two tasks with the same labels helps the other.
    assert affinity[0, 1] > 0
    assert affinity[1, 0] > 0
    assert "2 groups: one, same; other" in capsys.readouterr().err
    assert json.loads((run / "config.json").read_text())["sharing"] == {
        "TaskGroups": {"groups": [["one", "same"], ["other"]]}
    }
    assert Predictor.load(run).declaration.sharing.groups == (("one", "same"), ("other",))
    assert Predictor.load(tmp_path / "r-affinity").tasks.keys() == {"one", "same", "other"}


@pytest.mark.long
def test_tasks_of_the_same_labels_come_into_one_trunk(tmp_path):
    """Two of a sign and two of a product, from the first run to the second."""
    a, b = np.random.default_rng(0).normal(size=(2, 320))
    sign, product = (a > 0).astype(float), (a * b > 0).astype(float)
    table = {"a": a, "b": b, "one": sign, "other": product, "same": sign, "alike": product}
    csv.write_csv(pa.table(table), tmp_path / "train.csv")
    (tmp_path / "plait.yaml").write_text(
        "data: train.csv\nfeatures: {a: Number, b: Number}\nwidth: 16\n"
        "tasks: {one: Binary, other: Binary, same: Binary, alike: Binary}\n"
        "training: {epochs: 40, patience: 40, batch_size: 32, learning_rate: 0.01}\n"
    )
    run = tmp_path / "r"
    words = ["fit", str(tmp_path / "plait.yaml"), "--group", "auto", "--run", str(run), "--quiet"]
    assert main(words) == 0
    sharing = json.loads((run / "config.json").read_text())["sharing"]
    assert sharing == {"TaskGroups": {"groups": [["one", "same"], ["other", "alike"]]}}


def test_where_one_trunk_is_best_there_is_no_second_run(config, tmp_path, capsys, monkeypatch):
    asked = []

    def fit(run, settings):
        asked.append((run, settings))
        return run

    monkeypatch.setattr(_fit_groups, "measured_affinity", lambda *_: np.zeros((3, 3)))
    monkeypatch.setattr(_fit_groups, "groups_by_affinity", lambda a, tasks, most: [list(tasks)])
    found = _fit_groups.fit_groups(load(config), 3, tmp_path / "r", fit)
    first = tmp_path / "r-affinity"
    assert found == first
    assert asked == [(first, ("training.affinity=true", 'name="plait-affinity"'))]
    assert f"no other grouping is better. {first} is that run." in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--group", "1"], "--group is auto, or how many"),
        (["--group", "many"], "--group is auto, or how many"),
        (["--group", "auto", "--set", "sharing=MMoE"], "--group chooses the sharing"),
        (["--group", "auto", "--without", "other"], "parts three tasks or more"),
        (["--group", "auto", "--folds", "3"], "one at a time"),
        (["--group", "auto", "--set", "balancing=UPGrad"], "looks at losses alone"),
    ],
)
def test_what_cannot_be_grouped_is_refused(config, tmp_path, capsys, words, said):
    assert main(["fit", str(config), *words, "--run", str(tmp_path / "r")]) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "r-affinity").exists()
