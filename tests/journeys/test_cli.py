"""The command line from a config to answers."""

import io
import json
import re
import sys
import warnings
from contextlib import redirect_stderr, redirect_stdout

import PIL.Image
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import pytest
from ruamel.yaml import YAML

from plait.cli import main

TASKS = {"sold", "price"}


@pytest.fixture(scope="module")
def shop(make_records, tmp_path_factory):
    """A table without media, and a run on it."""
    folder = tmp_path_factory.mktemp("shop")
    records = make_records(folder)
    records.configure("  photo: {Image: {size: 16}}\n  bell: Audio\n", "")
    records.configure("split: part", "split: part\nkey: id")
    words = ["fit", records.config, "--run", folder / "run", "--seed", "3", "--quiet"]
    assert main([str(w) for w in [*words, "--set", "training.epochs=2"]]) == 0
    return records


@pytest.fixture(scope="module")
def scored(shop):
    """What `plait evaluate` says of the run and of its model file, as JSON, and its complaints."""
    said = []
    for path in (shop.folder / "run", shop.folder / "run" / "model.plait"):
        with (
            redirect_stdout(io.StringIO()) as out,
            redirect_stderr(io.StringIO()) as err,
            warnings.catch_warnings(),
        ):
            warnings.simplefilter("ignore", DeprecationWarning)
            assert main(["evaluate", str(path), str(shop.table), "--json"]) == 0
        said.append((out.getvalue(), err.getvalue()))
    return said


def test_fit_leaves_a_run_with_the_config_as_it_ran(shop):
    run = shop.folder / "run"
    assert {"model.plait", "plait.yaml", "metrics.json"} <= {path.name for path in run.iterdir()}
    ran = YAML(typ="safe").load((run / "plait.yaml").read_text())
    assert ran["seed"] == 3
    assert ran["training"]["epochs"] == 2


def test_evaluate_prints_json(scored):
    scores = json.loads(scored[0][0])
    assert set(scores) == TASKS
    assert set(scores["price"]) >= {"mae", "rmse"}


def test_evaluate_prints_a_line_for_each_task(shop, plait):
    out = plait("evaluate", shop.folder / "run", shop.table).out.splitlines()
    assert [line.split()[0] for line in out] == ["sold", "price"]
    assert "mae" in out[1]


def test_evaluate_and_predict_can_be_told_which_rows(shop, scored, plait):
    run, out = shop.folder / "run", shop.folder / "some.csv"
    whole = json.loads(scored[0][0])
    part = json.loads(plait("evaluate", run, shop.table, "--json", "--where", "part=test").out)
    assert part != whole
    plait("predict", run, shop.table, "-o", out, "--where", "part=test")
    ids = pa_csv.read_csv(out)["id"].to_pylist()
    rows = pa_csv.read_csv(shop.table).to_pylist()
    assert ids == [row["id"] for row in rows if row["part"] == "test"]
    said = plait("evaluate", run, shop.table, "--where", "part=tset")
    assert said.code == 2
    assert "no row's 'part' is 'tset'. Did you mean 'test'?" in said.err
    assert plait("evaluate", run, shop.table, "--where", "part").code == 2


def test_scores_on_rows_that_were_learnt_from_come_with_a_warning(shop, scored, plait):
    run = shop.folder / "run"
    for _, err in scored:
        assert err.startswith("plait: warning: the model learnt from 32 of these 48 rows")
        assert err.count("\n") == 1
    assert not plait("evaluate", run, shop.table, "--where", "part=test").err
    shop.write(name="other.csv", columns=("age", "kind", "sold", "price"))
    assert not plait("evaluate", run, shop.folder / "other.csv").err


def test_evaluate_by_presence_has_a_line_for_each_set_of_inputs(shop, plait):
    run = shop.folder / "run"
    head, first, *others = plait("evaluate", run, shop.table, "--by-presence").out.splitlines()
    assert head.split()[:2] == ["present", "rows"]
    assert first.startswith("all rows")
    lines = json.loads(plait("evaluate", run, shop.table, "--by-presence", "--json").out)
    assert len(lines) == 1 + len(others)
    assert sum(line["rows"] for line in lines[1:]) == lines[0]["rows"] == 48


def test_a_model_without_gates_says_where_there_are_some(shop, plait):
    said = plait("evaluate", shop.folder / "run", shop.table, "--gates")
    assert (said.code, said.out) == (2, "")
    assert "Concat and HardSharing weigh nothing. There are gates in" in said.err
    both = plait("evaluate", shop.folder / "run", shop.table, "--gates", "--by-presence")
    assert (both.code, "two answers" in both.err) == (2, True)


def test_evaluate_without_a_column_is_as_though_it_were_empty(shop, scored, plait):
    run, emptied = shop.folder / "run", shop.folder / "emptied.csv"
    rows = pa_csv.read_csv(shop.table)
    place = rows.column_names.index("kind")
    nothing = pa.nulls(len(rows), rows.schema.field(place).type)
    pa_csv.write_csv(rows.set_column(place, "kind", nothing), emptied)
    said = [
        plait("evaluate", run, shop.table, "--json", "--without", "kind").out,
        plait("evaluate", run, emptied, "--json").out,
        scored[0][0],
    ]
    assert said[0] == said[1] != said[2]
    told = plait("evaluate", run, shop.table, "--where", "part=test", "--without", "kind")
    assert (told.code, told.err) == (0, "")
    wrong = plait("evaluate", run, shop.table, "--without", "kinds")
    assert wrong.code == 2
    assert "Did you mean 'kind'?" in wrong.err


def test_a_model_file_answers_as_its_run_does(scored):
    assert scored[0][0] == scored[1][0]


def test_predict_keeps_the_order_and_the_key(shop, plait):
    out = shop.folder / "answers.parquet"
    said = plait("predict", shop.folder / "run", shop.table, "-o", out)
    assert (said.code, said.out) == (0, f"48 rows: {out}\n")
    answers = pq.read_table(out)
    assert answers["id"].to_pylist() == [f"r{n}" for n in range(1, 49)]
    assert {"sold", "sold.probability", "sold.probabilities", "price"} <= set(answers.column_names)
    assert set(answers["sold"].to_pylist()) <= {"yes", "no"}


def test_predict_needs_no_label_and_not_every_input(shop, plait):
    shop.write(columns=("id", "age"), name="new.csv")
    out = shop.folder / "answers.csv"
    said = plait("predict", shop.folder / "run", shop.folder / "new.csv", "-o", out, "--key", "age")
    assert said.code == 0, said.err
    assert "plait: warning: new.csv has no column 'kind': absent in every row.\n" in said.err
    answers = pa_csv.read_csv(out)
    assert answers.column_names[0] == "age"
    assert answers.num_rows == 48


def test_rows_are_drawn(shop, plait):
    out = shop.folder / "answers.png"
    where = ("--where", "part=test", "--rows", "3")
    said = plait("draw", shop.folder / "run", shop.table, "-o", out, *where)
    assert (said.code, said.out) == (0, f"3 rows: {out}\n"), said.err
    with PIL.Image.open(out) as picture:
        picture.load()
        tasks_and_row = 3
        assert picture.width / picture.height == pytest.approx(
            tasks_and_row * 3.4 / (3 * 2.6), 0.01
        )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("-o", "answers.jpg"), "--output is a .png, .pdf or .svg file. Received: 'answers.jpg'."),
        (("-o", "nowhere/a.png"), "--output: there is no folder 'nowhere'."),
        (("-o", "a.png", "--rows", "0"), "1 to 50 rows are drawn, from the first on. Received: 0."),
    ],
)
def test_what_cannot_be_drawn_is_told(shop, plait, arguments, message):
    said = plait("draw", shop.folder / "run", shop.table, *arguments)
    assert said.code == 2
    assert message in said.err


def test_drawing_without_matplotlib_names_the_extra(shop, plait, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    said = plait("draw", shop.folder / "run", shop.table, "-o", "a.png")
    assert said.code == 2
    assert "pip install 'plait[draw]'" in said.err


def test_a_column_of_another_name_is_told(shop, plait):
    text = shop.table.read_text().replace("age", "Age", 1)
    (shop.folder / "renamed.csv").write_text(text)
    said = plait(
        "predict",
        shop.folder / "run",
        shop.folder / "renamed.csv",
        "-o",
        shop.folder / "renamed.jsonl",
    )
    assert "no column 'age': absent in every row. For 'age': Did you mean 'Age'?" in said.err


def test_check_tells_what_the_data_are_and_trains_nothing(shop, plait):
    before = sorted(shop.folder.rglob("*"))
    said = plait("check", shop.config)
    assert sorted(shop.folder.rglob("*")) == before
    assert said.code == 0, said.err
    assert "rows: train 32, validation 8, test 8" in said.out
    assert "feature age: Number, 0 of 48 cells empty" in said.out
    assert "task sold: Binary, labelled: train 32 of 32" in said.out
    for told in (
        r"estimates, by some steps of 16 rows a step",
        r"memory: [\d.]+ [MG]B at once",
        r"time: [\d.]+ \w+ to the first steps, [\d.]+ s an epoch .* for 1 epochs",
        r"disk: [\d.]+ MB while it trains, [\d.]+ MB when it is over",
    ):
        assert re.search(told, said.out), told
    quick = plait("check", shop.config, "--quick").out
    assert "estimates" not in quick
    assert quick.endswith(
        "Nothing of the data that was looked at stands in the way of `plait fit`.\n"
    )


def test_check_says_where_memory_is_too_little(shop, plait):
    said = plait("check", shop.config, "--set", "training.max_memory=100MB")
    assert "warning: that is more memory than max_memory=100MB." in said.out
    assert "stands in the way" not in said.out
    assert "would begin, and by these estimates stop before its end" in said.out


def test_a_run_that_takes_too_much_stops_with_a_message(shop, plait):
    run = shop.folder / "much"
    said = plait("fit", shop.config, "--run", run, "--max-memory", "100MB", "--quiet")
    assert said.code == 2
    assert "more than max_memory=100MB" in said.err
    assert f"`plait fit --resume {run}` goes on where it was." in said.err
    assert len(list((run / "checkpoints").iterdir())) == 1


def test_describe_a_run(shop, plait):
    out = plait("describe", shop.folder / "run").out
    for part in ("weights", "feature age: Number", "task price: Regression", "validation scores"):
        assert part in out
    assert "what each task takes" not in out
    # As a run leaves it whose sharing or fusion weighs.
    (shop.folder / "run" / "gates.json").write_text(
        '[{"task": "price", "part": "age", "mean": 0.25}]'
    )
    out = plait("describe", shop.folder / "run").out
    assert out.endswith("task   part  mean\nprice   age  0.25\n")
    (shop.folder / "run" / "gates.json").write_text("[1]")
    said = plait("describe", shop.folder / "run")
    (shop.folder / "run" / "gates.json").unlink()
    assert said.code == 2
    assert "gates.json holds no gates of a run (TypeError" in said.err


def test_describe_the_grammar(plait):
    assert "Binary" in plait("describe").out
    assert "  Concat " in plait("describe", "fusion").out
    told = plait("describe", "tasks", "Regression").out
    assert plait("describe", "Regression").out == told
    assert told.startswith("Regression(\n    column: ")
    assert "Args:" in told


def test_a_run_gets_a_fresh_name(shop, plait, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs" / "plait").mkdir(parents=True)
    (tmp_path / "runs" / "plait" / "model.plait").write_text("another's")
    said = plait("fit", shop.config, "--quiet")
    assert said.out == "runs/plait-2\n"
    assert (tmp_path / "runs" / "plait-2" / "model.plait").is_file()


def test_folds_make_one_run_with_the_mean(shop, plait, tmp_path):
    run = tmp_path / "folds"
    said = plait("fit", shop.config, "--run", run, "--folds", "part", "--quiet")
    assert said.code == 0, said.err
    metrics = json.loads((run / "metrics.json").read_text())
    assert len(metrics["folds"]) == 3
    folds = [scores["price"]["mae"] for scores in metrics["folds"].values()]
    assert metrics["mean"]["price"]["mae"] == pytest.approx(sum(folds) / 3)
    assert said.out.count("fold ") == 3
    assert "mean\n" in said.out


def test_new_writes_a_config_that_check_accepts(shop, plait):
    config = shop.folder / "new.yaml"
    assert plait("new", shop.table, "-o", config, "--target", "sold").code == 0
    said = plait("check", config, "--all", "--quick")
    assert said.code == 0, said.err
    assert "feature photo: Image" in said.out
    assert "task sold: Binary" in said.out
    again = plait("new", shop.table, "-o", config)
    assert again.code == 2
    assert "is there already" in again.err


def test_new_prints_what_it_would_write(shop, plait, monkeypatch):
    monkeypatch.chdir(shop.folder)
    printed = YAML(typ="safe").load(plait("new", "records.csv").out)
    assert printed["data"] == "records.csv"
    assert (printed["key"], printed["split"]) == ("id", "part")
    assert printed["features"]["bell"] == "Audio"


def test_fit_begins_with_another_run(shop, plait):
    run, out = shop.folder / "run", shop.folder / "more"
    config = shop.folder / "more.yaml"
    text = shop.config.read_text()
    config.write_text(text.replace("tasks:\n", "tasks:\n  title: Multiclass\n"))
    said = plait("fit", config, "--from", run, "--freeze-trunk", "--run", out)
    assert said.code == 0, said.err
    assert f"from {run.resolve()}: tasks sold, price; learnt anew: title" in said.err
    for where in (run, out):
        plait("predict", where, shop.table, "-o", where / "answers.csv")
    was, now = (pa_csv.read_csv(where / "answers.csv") for where in (run, out))
    assert now.column("price").equals(was.column("price"))
    assert now.column("sold.probability").equals(was.column("sold.probability"))
    assert "title" in now.column_names
