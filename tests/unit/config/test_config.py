from pathlib import Path

import pytest
from ruamel.yaml import YAML

from plait import SQL
from plait.balancing import PCGrad
from plait.config import build_learner, dump, load, sections, summary
from plait.errors import ConfigError
from plait.features import Number
from plait.learner import Learner
from plait.tasks import Regression

TEXT = """\
data: rows.csv
root: media
features:
  age: Number
  kind:
    Category: {column: kinds}
tasks:
  price: {Regression: {transform: log}}
split: {by: kind}
balancing: PCGrad
training: {epochs: 3}
width: 16
"""


@pytest.fixture
def path(tmp_path):
    (tmp_path / "rows.csv").write_text("age\n1\n")
    (tmp_path / "test.csv").write_text("age\n1\n")
    (tmp_path / "media").mkdir()
    (tmp_path / "shop.yaml").write_text(TEXT)
    return tmp_path / "shop.yaml"


def test_a_config_is_the_arguments_of_a_learner(path):
    config = load(path)
    learner = build_learner(config)
    assert isinstance(learner, Learner)
    assert learner.features["age"] == Number()
    assert learner.features["kind"].column == "kinds"
    assert learner.tasks == {"price": Regression(transform="log")}
    assert isinstance(learner.balancing, PCGrad)
    assert (learner.training.epochs, learner.width, learner.split.by) == (3, 16, "kind")
    assert (config.name, config.root) == ("shop", path.parent / "media")
    assert config.data.tables() == path.parent / "rows.csv"


def test_without_all_tasks_there_is_nothing_to_train(path):
    with pytest.raises(ConfigError, match="--without leaves no task of shop"):
        load(path, without=["price"])


def test_text_alone_names_the_column_of_a_split(path):
    assert load(path, ["split=part"]).arguments["split"].column == "part"


def test_overrides_are_in_the_document_as_it_ran(path):
    config = load(path, ["training.epochs=5", "seed=7", "name=mine"])
    assert config.document["training"] == {"epochs": 5}
    assert build_learner(config).seed == 7
    assert config.name == "mine"


def test_data_in_parts(path):
    tables = load(path, ["data.test=test.csv"]).data.tables()
    assert tables == {"train": path.parent / "rows.csv", "test": path.parent / "test.csv"}


def test_paths_are_relative_to_the_data_folder(path, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    (elsewhere / "media").mkdir(parents=True)
    (elsewhere / "rows.csv").write_text("age\n1\n")
    config = load(path, data_dir=elsewhere)
    assert (config.data.train, config.root) == (elsewhere / "rows.csv", elsewhere / "media")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("width: 16", "widht: 16", "shop.yaml:12:1: a config has no key 'widht'. Did you mean"),
        ("data: rows.csv\n", "", "shop.yaml: the config has no 'data'"),
        ("rows.csv", "row.csv", "shop.yaml:1:7: there is no file"),
        ("rows.csv", "row.csv", "Did you mean 'rows.csv'?"),
        ("rows.csv", "3", "shop.yaml:1:7: expected a path, an address, or"),
        (
            "rows.csv",
            "{train: 3}",
            "shop.yaml:1:15: expected a path, an address, or {SQL",
        ),
        ("rows.csv", "{test: rows.csv}", "shop.yaml:1:1: data needs the part 'train'."),
        ("rows.csv", "{trian: rows.csv}", "shop.yaml:1:8: data has no part 'trian'. Did you mean"),
        ("root: media", "root: medai", "shop.yaml:2:7: there is no folder"),
        ("root: media", "root: [a]", "shop.yaml:2:7: 'root' expects text. Received: ['a']."),
        ("{by: kind}", "{bye: kind}", "shop.yaml:9:9: Split has no argument 'bye'. Did you mean"),
        ("{by: kind}", "{by: a, after: b}", "shop.yaml:9:1: Split: "),
        ("{by: kind}", "3", "shop.yaml:9:8: expected 'split' to be a mapping of Split's arguments"),
        ("{epochs: 3}", "{epochs: 0}", "shop.yaml:11:12: Training: epochs"),
        (
            "width: 16",
            "objectives: {d: {Distill: {task: price, teacher: runs/o}}}",
            "shop.yaml:12:50: there is no run or model",
        ),
        ("{epochs: 3}", "cosine", "expected 'training' to be a mapping of Training's arguments"),
        ("age: Number", "age: Numbr", "shop.yaml:4:8: features has no 'Numbr'. Did you mean"),
        ("width: 16", "width: wide", "shop.yaml:12:8: 'width' expects a whole number"),
    ],
)
def test_what_is_wrong_is_pointed_at(old, new, message, path):
    path.write_text(TEXT.replace(old, new))
    with pytest.raises(ConfigError) as refusal:
        load(path)
    assert message in str(refusal.value)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "width: 16",
            "width: 0",
            "shop.yaml:12:1: width is a whole number, 1 or more. Received: 0.",
        ),
        ("width: 16", "key: price", "shop.yaml:12:1: The key 'price'"),
        ("price: {", "p: {", "shop.yaml:8:3: The column 'age' is both"),
        ("{transform: log}", "{features: [agee]}", "shop.yaml:8:24: Task 'price' reads"),
        ("age: Number", "age: {Number: {encoder: TextBag}}", "shop.yaml:4:18: Feature 'age': "),
        (
            "width: 16",
            "fusion: {Late: {product: true}}",
            "shop.yaml:12:17: Late: with product the answer is a product of the features' experts "
            "where nothing stands between fusion and heads",
        ),
        (
            "width: 16",
            "fusion: {Late: {product: true}}\nsharing: {Adapters: {blocks: 0}}",
            "shop.yaml:12:17: Late: with product",
        ),
        (
            "width: 16",
            "fusion: {FiLM: {of: agee}}",
            "shop.yaml:12:17: FiLM: there is no feature 'agee' to modulate. Did you mean 'age'?",
        ),
        (
            "width: 16",
            "sharing: {TaskGroups: {groups: [[prize]]}}",
            "shop.yaml:12:24: TaskGroups: there is no task 'prize'. Did you mean 'price'?",
        ),
    ],
)
def test_arguments_that_do_not_fit_together_are_pointed_at(old, new, message, path):
    text = TEXT.replace(old, new)
    path.write_text(text.replace("transform: log", "column: age") if "p: {" in new else text)
    with pytest.raises(ConfigError) as refusal:
        build_learner(load(path))
    assert str(refusal.value).startswith(message)


def test_a_run_to_begin_with_lies_where_the_data_do(path, tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "train.csv").write_text("")
    for start, found in (("runs/a", tmp_path / "data" / "runs" / "a"), ("/runs/a", "/runs/a")):
        asked = [f"training.start={start}", "data=train.csv", "root=null"]
        config = load(path, asked, tmp_path / "data")
        assert config.arguments["training"].start == str(found)
        assert config.document["training"]["start"] == start


def test_a_folder_that_is_not_there(path):
    with pytest.raises(ConfigError, match="There is no folder 'nowhere'"):
        load(path, data_dir=Path("nowhere"))


def test_dump_gives_back_the_document_with_its_remarks(path):
    document = load(path).document
    text = dump(document, {("features", "age"): "99 distinct numbers"}, head="Shop\nof things")
    assert text.startswith("# Shop\n# of things\n")
    assert "  age: Number  # 99 distinct numbers\n" in text
    assert YAML(typ="safe").load(text) == document


def test_the_sections_are_those_that_the_constructors_take():
    found = sections()
    assert list(found)[:2] == ["features", "encoders"]
    assert {"tasks", "fusion", "sharing", "balancing", "training", "table"} <= set(found)
    assert list(found["training"][1]) == ["Training"]
    assert list(found["table"][1]) == ["Split", "Windows"]
    assert set(found["trackers"][1]) == {"TensorBoard", "JSONLines", "MLflow", "WandB"}
    assert "Balancer" not in found["balancing"][1]


def test_a_summary_is_the_first_paragraph_on_one_line():
    def documented():
        """One
        and two.

        Three.
        """

    assert summary(documented) == "One and two."


@pytest.mark.parametrize("name", ["../evil", "a/b", "..", "'a\\b'", "''"])
def test_a_run_is_never_called_by_a_way_out_of_its_folder(path, name):
    path.write_text(f"{TEXT}name: {name}\n")
    with pytest.raises(
        ConfigError, match=r"shop\.yaml:13:7: 'name' is that of one folder in runs/"
    ):
        load(path)


@pytest.mark.parametrize(
    ("data", "train"),
    [
        ("s3://shop/orders.parquet", "s3://shop/orders.parquet"),
        (
            "{SQL: {uri: 'sqlite:////d/shop.db', query: orders}}",
            SQL("sqlite:////d/shop.db", "orders"),
        ),
        ("{train: {SQL: {uri: 'postgresql://h/d', query: x}}}", SQL("postgresql://h/d", "x")),
    ],
)
def test_data_behind_an_address_or_in_a_database(data, train, path):
    path.write_text(TEXT.replace("rows.csv", data, 1))
    assert load(path).data.train == train


def test_a_file_of_sqlite_lies_beside_the_config(path):
    path.write_text(TEXT.replace("rows.csv", "{SQL: {uri: 'sqlite:///a.db', query: x}}", 1))
    assert load(path).data.train == SQL(f"sqlite:///{path.parent / 'a.db'}", "x")


def test_a_pattern_and_a_database_that_cannot_be(path):
    path.write_text(TEXT.replace("rows.csv", "part*.csv", 1))
    assert load(path).data.train == path.parent / "part*.csv"
    path.write_text(TEXT.replace("rows.csv", "{SQL: {uri: 'mysql://h/d', query: x}}", 1))
    with pytest.raises(ConfigError, match=r"shop.yaml:1:.*SQL: uri is sqlite:///FILE or"):
        load(path)
