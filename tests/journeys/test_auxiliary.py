"""Signals that serve the main tasks, from a config to a model without them."""

import json

import pyarrow.parquet as pq
import pytest
from ruamel.yaml import YAML

CONFIG = """\
data: records.csv
features:
  title: Text
  age: Number
  kind: Category
tasks:
  sold: Binary
  price: {Regression: {auxiliary: true, fade: [0.5, 1.0]}}
  id: {Multiclass: {column: shape, after: [sold]}}
objectives:
  agree: {Consistency: {task_a: id, task_b: sold, rule: {round: yes, square: no}}}
  near: {Align: {a: title, b: age, width: 4}}
  fill: {Reconstruct: {feature: age, weight: 0.5}}
split: part
training: {epochs: 2, batch_size: 8, unlabelled: 0.25}
width: 8
"""


@pytest.fixture
def shop(records):
    for number, row in enumerate(records.rows):
        unlabelled = number % 4 == 0 and row["part"] == "train"
        row["shape"] = "" if unlabelled else ["round", "square"][number % 2]
        row["sold"] = "" if unlabelled else row["sold"]
        row["price"] = "" if unlabelled else row["price"]
    records.write((*records.rows[0],))
    records.config.write_text(CONFIG)
    return records


def test_from_a_config_to_a_model_without_them(shop, plait, tmp_path):
    run = tmp_path / "run"
    said = plait("fit", shop.config, "--run", run)
    assert said.code == 0, said.err
    assert "task price: Regression, auxiliary, 24 of 32 training rows labelled" in said.err
    assert "objective fill: {'Reconstruct': " in said.err
    assert "auxiliary: price mae" in said.err
    history = pq.read_table(run / "history.parquet").to_pydict()
    for name in ("agree", "near", "fill", "price"):
        assert all(loss > 0 for loss in history[f"{name}_loss"])
        assert len(history[f"{name}_share"]) == 2
    metrics = json.loads((run / "metrics.json").read_text())
    assert set(metrics["validation"]) == {"sold", "id"}
    assert set(metrics["auxiliary"]["validation"]) == {"price"}
    scored = plait("evaluate", run, shop.table, "--where", "part=test", "--json")
    assert set(json.loads(scored.out)) == {"sold", "id"}
    assert "no part of the model: price, agree, near, fill" in scored.err
    told = plait("describe", run)
    assert "auxiliary, and no part of it: price, agree, near, fill" in told.out
    assert "auxiliary tasks:" in told.out
    assert "price" not in plait("predict", run, shop.table, "-o", tmp_path / "out.csv").err
    assert not {"price", "agree"} & set(
        (tmp_path / "out.csv").read_text().split("\n")[0].split(",")
    )


def test_without_one_of_them(shop, plait, tmp_path):
    run = tmp_path / "run"
    words = ("--without", "price", "--without", "agree", "--without", "near", "--quiet")
    said = plait("fit", shop.config, "--run", run, *words)
    assert said.code == 0, said.err
    ran = YAML(typ="safe").load((run / "plait.yaml").read_text())
    assert set(ran["tasks"]) == {"sold", "id"}
    assert set(ran["objectives"]) == {"fill"}


@pytest.mark.parametrize(
    ("words", "match"),
    [
        (("--without", "prise"), "no such task or objective. Did you mean 'price'"),
        (("--without", "sold"), "Task 'id' comes after the task 'sold', which is not declared"),
        (("--without", "fill", "--without", "near", "--without", "agree"), "there is none"),
    ],
)
def test_what_is_needed_is_not_left_out(shop, plait, words, match, tmp_path):
    said = plait("fit", shop.config, "--run", tmp_path / "run", *words)
    assert said.code != 0
    assert match in said.err


def test_check_reads_what_objectives_need(shop, plait):
    assert plait("check", shop.config, "--quick").code == 0
    shop.configure("rule: {round: yes, square: no}", "rule: {rund: yes}")
    said = plait("check", shop.config, "--quick")
    assert said.code != 0
    assert "'agree': Consistency: the rule speaks of 'rund'" in said.err


def test_a_teacher_lies_beside_the_config(shop, plait, tmp_path):
    alone = ("--without", "agree", "--without", "near", "--without", "price")
    teacher = shop.folder / "teacher"
    assert plait("fit", shop.config, "--run", teacher, "--quiet", *alone).code == 0
    was = "{Reconstruct: {feature: age, weight: 0.5}}"
    shop.configure(was, "{Distill: {task: sold, teacher: teacher}}")
    said = plait("fit", shop.config, "--run", tmp_path / "run", "--quiet")
    assert said.code == 0, said.err
    history = pq.read_table(tmp_path / "run" / "history.parquet").to_pydict()
    assert all(loss >= 0 for loss in history["fill_loss"])
