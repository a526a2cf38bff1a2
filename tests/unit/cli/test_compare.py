"""The verbs over `comparison`, with runs of their own."""

import json

import numpy as np
import pyarrow as pa
import pyarrow.csv as csv
import pytest

from plait.cli import main

CONFIG = """
data: train.csv
features: {a: Number, b: Number}
tasks: {y: Binary}
width: 4
training: {epochs: 2, batch_size: 32}
"""


@pytest.fixture
def config(tmp_path):
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 96))
    table = pa.table({"a": a, "b": b, "y": (a + b > 0).astype(int)})
    csv.write_csv(table, tmp_path / "train.csv")
    (tmp_path / "plait.yaml").write_text(CONFIG)
    return tmp_path / "plait.yaml"


def test_compare_from_config_to_page(config, tmp_path, capsys):
    words = ["--fusion", "Mean", "--seeds", "1", "--budget", "5m", "--quick"]
    folder = tmp_path / "c"
    assert main(["compare", str(config), *words, "--dir", str(folder)]) == 0
    said = capsys.readouterr().out.splitlines()
    names = "way mean gain y auc seconds an epoch MB seeds"
    assert said[0].split() == names.split()
    assert {line.split()[0] for line in said[1:3]} == {"Concat", "Mean"}
    assert said[-1] == str(folder / "index.html")
    answer = json.loads((folder / "answer.json").read_text())
    for one in answer["ways"]:
        (run,) = one["runs"].values()
        if run["how"] == "stopped" and one["name"] != "Concat":
            # Which of the two the first epoch is better with is chance; a second may be over by then.
            assert run["epochs"] in (1, 2)
            continue
        assert (run["how"], run["epochs"]) == ("finished", 2), run["said"]
        assert 0 <= run["scores"]["y"]["auc"] <= 1
    # What was watched, so that a run without prospect could have been stopped.
    assert len(list(folder.glob("runs/*/epochs.jsonl"))) == 2
    # The winner is a config of all rows.
    assert "train.csv" in (folder / "winner.yaml").read_text()
    assert main(["check", str(folder / "winner.yaml"), "--data", str(tmp_path), "--quick"]) == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["compare", "--against", "all"], "--against is single or none. Received: 'all'"),
        (["compare", "--seeds", "0"], "--seeds is a whole number, 1 or more. Received: 0"),
        (["compare", "--budget", "soon"], "--budget is a time such as 90s, 30m or 2h"),
        (["compare", "--fusion", "Gatd"], "Did you mean 'Gated'"),
        (["compare", "--fusion", "Mean", "--budget", "20s"], "Allow 2 minutes or more"),
        (["tune", "--trials", "0"], "--trials is a whole number"),
        (["tune", "--budget", "soon"], "--budget is a time"),
        (["tune"], "leaves nothing open"),
    ],
)
def test_what_cannot_be_is_told_before_anything_runs(config, tmp_path, capsys, words, said):
    verb, *options = words
    assert main([verb, str(config), *options, "--dir", str(tmp_path / "c")]) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "c").exists()
