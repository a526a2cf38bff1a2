"""A long table, one step a row, from the config to forecasts of what has not come yet."""

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from plait.cli import main
from plait.inference import Predictor
from plait.table import Table

CONFIG = """
data: air.csv
windows: {time: at, by: site, history: 8, horizon: 2, step: 1h, parts: part}
features:
  history: {Series: {encoder: {SeriesConv: {channels: 8, dilations: [1, 2]}}}}
  site: Category
tasks:
  next: {Forecast: {of: history, column: future, horizon: 2, variables: [x]}}
training: {epochs: 2, batch_size: 32}
width: 8
"""
STEPS = 120


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("air")
    rng = np.random.default_rng(0)
    lines = ["at,site,x,y,part"]
    for site in "ab":
        for n in range(STEPS):
            if rng.uniform() < 0.05:
                continue
            part = "train" if n < 80 else "validation" if n < 100 else "test"
            x = "" if rng.uniform() < 0.1 else f"{np.sin(n / 3) + 0.1 * rng.normal():.4f}"
            lines.append(f"2024-01-{1 + n // 24:02}T{n % 24:02}:00:00,{site},{x},{n % 7},{part}")
    (folder / "air.csv").write_text("\n".join(lines))
    (folder / "air.yaml").write_text(CONFIG)
    assert main(["fit", str(folder / "air.yaml"), "--run", str(folder / "run"), "--quiet"]) == 0
    return folder


def test_check_says_what_is_there(folder, capsys):
    assert main(["check", str(folder / "air.yaml"), "--quick"]) == 0
    told = capsys.readouterr().out
    assert "feature history: Series, 0 of" in told
    assert "task next: Forecast, labelled: train" in told


def test_its_test_part_is_scored(folder, capsys):
    table = str(folder / "air.csv")
    assert main(["evaluate", str(folder / "run"), table, "--where", "part=test", "--json"]) == 0
    scores = json.loads(capsys.readouterr().out)["next"]
    assert {"mae", "scaled_mse", "relative_mae"} <= set(scores)
    assert all(np.isfinite(value) for value in scores.values())


def test_rows_that_it_learnt_from_are_told(folder, capsys):
    table = str(folder / "air.csv")
    assert main(["evaluate", str(folder / "run"), table, "--where", "part=train"]) == 0
    assert "the model learnt from 141 of these 141 rows" in capsys.readouterr().err


def test_of_another_table_every_window_is_scored(folder):
    declaration = Predictor.load(folder / "run").declaration
    table = declaration.table(str(folder / "air.csv"))
    # Two futures a site lie in two parts.
    crossing = table.column("part").is_missing()
    assert crossing.sum() == 4
    trained = declaration.windows.of(Table.read(str(folder / "air.csv")))
    assert trained.rows.tolist() == table.rows[~crossing].tolist()


def test_windows_without_parts_are_not_parted_at_random(folder, capsys):
    (folder / "bad.yaml").write_text(CONFIG.replace(", parts: part", ""))
    assert main(["fit", str(folder / "bad.yaml"), "--run", str(folder / "bad"), "--quiet"]) == 2
    told = capsys.readouterr().err
    assert "share steps" in told
    assert 'Split: {after: "at"}' in told
    (folder / "bad.yaml").write_text(CONFIG + "split: {by: site}\n")
    assert main(["check", str(folder / "bad.yaml")]) == 2
    assert "Leave split out, or parts" in capsys.readouterr().err


def test_what_has_not_come_yet_is_forecast(folder):
    out = folder / "next.parquet"
    assert main(["predict", str(folder / "run"), str(folder / "air.csv"), "-o", str(out)]) == 0
    answers = pq.read_table(out)
    assert answers.column_names == ["site", "at", "next"]
    assert answers.schema.field("next").type == pa.struct({"x": pa.list_(pa.float64())})
    last = [row for row in answers.to_pylist() if row["site"] == "b"][-1]
    assert last["at"] == max(row["at"] for row in answers.to_pylist() if row["site"] == "b")
    assert len(last["next"]["x"]) == 2


def test_the_model_alone_knows_how_to_make_windows(folder):
    predictor = Predictor.load(folder / "run")
    assert predictor.declaration.windows.history == 8
    table = str(folder / "air.csv")
    long = predictor.predict(table)
    assert predictor.predict(predictor.declaration.table(table, ahead=True)).equals(long)


@pytest.mark.parametrize(
    ("was", "now", "message"),
    [
        ("of: history", "of: histori", "Task 'next': it is of the feature 'histori'"),
        ("of: history", "of: site", "modality series. 'site' is Category"),
        ("column: future, horizon: 2", "column: future, horizon: 3", "needs 3 steps. Received 2"),
        ("history: 8, horizon: 2", "history: 8, horizon: 900", "no series is long enough"),
        ("by: site, ", "", "is also that of row"),
        ("step: 1h", "step: 7h", "is no whole number of steps"),
        ("time: at", "time: att", "Did you mean 'at'"),
        ("windows: {time", "windows: {tim", "Did you mean 'time'"),
    ],
)
def test_what_cannot_be_is_told(folder, was, now, message, capsys):
    assert was in CONFIG
    (folder / "bad.yaml").write_text(CONFIG.replace(was, now))
    bad = ["fit", str(folder / "bad.yaml"), "--run", str(folder / "bad"), "--quiet"]
    assert main(bad) == 2
    assert message in capsys.readouterr().err
    assert not (folder / "bad").exists()
