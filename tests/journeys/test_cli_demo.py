"""What `plait demo` shows: one task needs two inputs together, one needs another task."""

import pytest
from ruamel.yaml import YAML

from plait.cli import _demo
from plait.config import load
from plait.demo import CONFIG, CONFIG_FILE, make_table
from plait.learner import Learner
from plait.table import Split, Table

SEEDS = [0, *(pytest.param(seed, marks=pytest.mark.long) for seed in range(1, 5))]


@pytest.fixture(scope="module", params=SEEDS)
def accuracy(request, tmp_path_factory):
    """From some features and tasks of the demonstration to the accuracy of a model of those."""
    folder = tmp_path_factory.mktemp("demo")
    path = make_table(folder, rows=_demo.ROWS, seed=request.param)
    (folder / CONFIG_FILE).write_text(CONFIG)
    arguments = load(folder / CONFIG_FILE, [f"seed={request.param}"]).arguments
    table = Table.read(path)
    test = table.take(Split(column="split").parts(table).test)

    def train_and_score(features, tasks):
        chosen = {
            "features": {name: arguments["features"][name] for name in features},
            "tasks": {name: arguments["tasks"][name] for name in tasks},
        }
        learner = Learner(**{**arguments, **chosen}).fit(path, run=False, verbose=False)
        scores = learner.evaluate(test)
        return {name: scores[name]["accuracy"] for name in tasks}

    return train_and_score


def test_genuine_needs_picture_and_note_together(accuracy):
    tasks = ["item", "genuine"]
    alone = [accuracy([feature], tasks)["genuine"] for feature in ("picture", "note")]
    assert max(alone) < 0.61
    assert accuracy(["picture", "note"], tasks)["genuine"] > 0.8


def test_desk_is_helped_by_district(accuracy):
    alone = accuracy(["note"], ["desk"])["desk"]
    helped = accuracy(["note"], ["desk", "district"])["desk"]
    assert helped > 0.75
    assert helped > alone + 0.1


def test_the_demo_compares_and_answers_and_says_what_is_next(plait, tmp_path, monkeypatch):
    monkeypatch.setattr(_demo, "MODALITIES", {"numbers": ("weight", "age", "material")})
    said = plait("demo", "--dir", tmp_path / "d", "--quick")
    assert said.code == 0, said.err
    lines = said.out.splitlines()
    tasks = YAML(typ="safe").load(CONFIG)["tasks"]
    for task in tasks:
        (line,) = [line for line in lines if line.startswith(f"{task} ")]
        assert "(numbers)" in line
    assert sum(line.startswith("  record ") for line in lines) == 3
    assert f"  plait predict {tmp_path / 'd' / 'runs' / 'demo'} " in said.out
    assert " --where split=test" in next(line for line in lines if "plait evaluate" in line)
    assert (tmp_path / "d" / "runs" / "demo" / "model.plait").is_file()


def test_a_config_that_was_edited_is_kept(plait, tmp_path):
    (tmp_path / CONFIG_FILE).write_text("data: 3\n")
    assert plait("demo", "--dir", tmp_path, "--quick").code == 2
    assert (tmp_path / CONFIG_FILE).read_text() == "data: 3\n"
