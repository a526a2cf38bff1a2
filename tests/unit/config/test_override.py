import pytest

from plait.config._override import leave_out, override
from plait.config._source import parse_source
from plait.errors import ConfigError

TEXT = """\
data: pets.csv
features:
  photo: Image
  notes: {Text: {missing: [n/a, none]}}
  a.b: Number
fusion: Concat
training: {epochs: 3}
"""


def changed(*assignments):
    source = parse_source(TEXT, "plait.yaml")
    for assignment in assignments:
        source = override(source, assignment)
    return source


@pytest.mark.parametrize(
    ("assignment", "path", "value"),
    [
        ("training.epochs=5", ("training", "epochs"), 5),
        ("width=0.5", ("width",), 0.5),
        ("fusion=Mean", ("fusion",), "Mean"),
        ("fusion={Mean: {width: 8}}", ("fusion", "Mean", "width"), 8),
        ("fusion.width=8", ("fusion", "Concat", "width"), 8),
        ("fusion.Concat.width=8", ("fusion", "Concat", "width"), 8),
        ("features.photo.size=64", ("features", "photo", "Image", "size"), 64),
        ("features.notes.max_tokens=9", ("features", "notes", "Text", "max_tokens"), 9),
        ("features.notes.missing.1=x y", ("features", "notes", "Text", "missing", 1), "x y"),
        ("features.a.b.column=c", ("features", "a.b", "Number", "column"), "c"),
        ("features.age=Number", ("features", "age"), "Number"),
        ("data.test=test.csv", ("data", "test"), "test.csv"),
        ("split=", ("split",), None),
        ("key=a=b", ("key",), "a=b"),
    ],
)
def test_any_dotted_key_can_be_set(assignment, path, value):
    source = changed(assignment)
    node = source.document
    for part in path:
        node = node[part]
    assert node == value
    assert source.at_value(path) == f"--set {assignment.partition('=')[0]}"


def test_the_rest_stays():
    document = changed("training.balance=true", "fusion.width=8").document
    assert document["training"] == {"epochs": 3, "balance": True}
    assert document["features"]["photo"] == "Image"


def test_a_nested_class_that_is_not_written_yet():
    document = changed("features.photo.encoder.ImageConv.depth=2").document
    assert document["features"]["photo"] == {"Image": {"encoder": {"ImageConv": {"depth": 2}}}}


def test_the_place_of_what_was_replaced_is_forgotten():
    source = changed("features.notes=Category")
    assert source.at_key(("features", "notes", "Text")) == "--set features.notes"


def test_the_source_is_left_as_it_was():
    source = parse_source(TEXT, "plait.yaml")
    override(source, "features.notes.missing.0=x")
    assert source.document["features"]["notes"] == {"Text": {"missing": ["n/a", "none"]}}


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        ("training.epochs", "--set expects KEY=VALUE"),
        ("=3", "--set expects KEY=VALUE"),
        ("a={b", "--set a: '{b' is not a YAML value"),
        ("training.epochs.x=3", "'training.epochs' holds 3 and has no part 'x'"),
        ("features.phot.size=3", "features has no 'phot'. Did you mean 'photo'?"),
        ("features.notes.missing.7=x", "is a list of 2, counted from 0. Received: '7'"),
        ("features.notes.missing.x=x", "is a list of 2, counted from 0. Received: 'x'"),
    ],
)
def test_a_path_that_leads_nowhere_is_refused(assignment, message):
    with pytest.raises(ConfigError) as refusal:
        changed(assignment)
    assert message in str(refusal.value)


def test_a_task_or_an_objective_is_left_out():
    source = parse_source(
        "data: t.csv\ntasks: {a: Binary, b: Regression}\nobjectives: {ab: {Align: {a: x, b: y}}}\n",
        "plait.yaml",
    )
    assert leave_out(source, "b").document["tasks"] == {"a": "Binary"}
    assert "objectives" not in leave_out(source, "ab").document
    assert source.document["tasks"] == {"a": "Binary", "b": "Regression"}


def test_only_what_is_there_is_left_out():
    source = parse_source("data: t.csv\ntasks: {price: Regression}\n", "plait.yaml")
    with pytest.raises(
        ConfigError, match=r"plait\.yaml has no such task or objective\. Did you mean 'price'"
    ):
        leave_out(source, "prise")
