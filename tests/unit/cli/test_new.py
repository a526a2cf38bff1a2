import pyarrow as pa
import pytest

from plait import features, tasks
from plait._names import from_plain
from plait.cli._new import draft
from plait.config import dump
from plait.config._source import parse_source
from plait.errors import ConfigError, DataError
from plait.inference import check_names
from plait.table import Table

ROWS = 60
CELLS = {
    "record_id": [f"r{n}" for n in range(ROWS)],
    "part": ["train", "train", "test"] * (ROWS // 3),
    "photo": [f"p/{n}.jpg" for n in range(ROWS)],
    "review": [f"it is thing {n} of many and I like the number {n} well" for n in range(ROWS)],
    "weight": [n / 7 for n in range(ROWS)],
    "age": ["n/a" if n % 20 == 0 else f"{n}.5" for n in range(ROWS)],
    "kind": ["toy", "tool", "food"] * (ROWS // 3),
    "nothing": [None] * ROWS,
    "recommended": ["yes", "no"] * (ROWS // 2),
    "price": [n * 1.5 for n in range(ROWS)],
}


def strange(*without):
    cells = {name: column for name, column in CELLS.items() if name not in without}
    return Table(pa.table(cells), "strange.csv")


def test_each_column_becomes_what_it_looks_like():
    document, comments, head = draft(strange())
    assert document == {
        "key": "record_id",
        "split": "part",
        "features": {
            "photo": "Image",
            "review": "Text",
            "weight": "Number",
            "age": {"Number": {"missing": ["n/a"]}},
            "kind": "Category",
        },
        "tasks": {"recommended": "Binary", "price": "Regression"},
    }
    assert "nothing: it is empty" in head
    assert "strange.csv: 60 rows" in head
    written = {(place, name) for place in ("features", "tasks") for name in document[place]}
    assert set(comments) == {*written, ("key",), ("split",)}


def test_targets_that_were_named_are_the_tasks():
    document, *_ = draft(strange(), ["kind", "weight", "age"])
    assert document["tasks"] == {
        "kind": "Multiclass",
        "weight": "Regression",
        "age": {"Regression": {"missing": ["n/a"]}},
    }
    assert document["features"]["recommended"] == "Category"


def test_without_a_telling_name_the_last_possible_column_is_guessed_and_said_to_be():
    document, comments, _ = draft(strange("recommended", "price"))
    assert document["tasks"] == {"kind": "Multiclass"}
    assert "a guess: --target COL names another" in comments["tasks", "kind"]


def test_a_target_that_is_no_column():
    with pytest.raises(ConfigError, match=r"no column .prise.\. Did you mean .price."):
        draft(strange(), ["prise"])


def test_a_target_that_no_task_answers():
    with pytest.raises(DataError, match=r".review. of strange\.csv cannot be predicted: text of"):
        draft(strange(), ["review"])


def test_nothing_to_predict():
    table = Table(pa.table({"note": [f"words and words {n} of it" for n in range(30)]}), "n.csv")
    with pytest.raises(DataError, match=r"No column of n\.csv looks like something to predict"):
        draft(table)


def test_nothing_to_predict_from():
    with pytest.raises(DataError, match="has no column left to predict price from"):
        draft(Table(pa.table({"price": [1.5, 2.5, 3.5]}), "p.csv"))


def test_only_what_names_every_row_is_the_key():
    cells = {
        "tags": [["a", "b"], ["c"], []] * (ROWS // 3),
        "place": [{"x": n} for n in range(ROWS)],
        "cost": [f"$ {n}.50" for n in range(1000, 1000 + ROWS)],
        "order_id": [None, *(f"o{n}" for n in range(ROWS - 1))],
        **CELLS,
    }
    document, _, head = draft(Table(pa.table(cells), "strange.csv"))
    assert document["key"] == "record_id"
    assert document["features"]["tags"] == "CategorySet"
    for left_out in ("place", "cost", "order_id"):
        assert f"  {left_out}: " in head


def test_columns_that_cannot_name_a_layer_get_a_name_that_can():
    cells = {
        "height/cm": CELLS["weight"],
        "height_cm": CELLS["price"],
        "age": CELLS["age"],
        "age__present": CELLS["kind"],
        "is_a/b": CELLS["recommended"],
        "": CELLS["weight"],
    }
    document, comments, head = draft(Table(pa.table(cells), "strange.csv"))
    assert document == {
        "features": {
            "height_cm_2": {"Number": {"column": "height/cm"}},
            "height_cm": "Number",
            "age": {"Number": {"missing": ["n/a"]}},
            "age_present": {"Category": {"column": "age__present"}},
        },
        "tasks": {"is_a_b": {"Binary": {"column": "is_a/b"}}},
    }
    assert comments["features", "age_present"] == "3 different values"
    assert "'': it has no name" in head
    check_names(
        {name: from_plain(plain, features) for name, plain in document["features"].items()},
        {name: from_plain(plain, tasks) for name, plain in document["tasks"].items()},
    )


def test_where_nothing_is_left_the_reasons_are_told():
    cells = {"price": [1.5, 2.5, 3.5], "day": ["1/2/2026", "2/2/2026", "3/2/2026"]}
    with pytest.raises(DataError, match=r"predict price from\. Left out:\n  day: dates in a form"):
        draft(Table(pa.table(cells), "p.csv"))


def test_a_target_of_one_class_is_told_where_another_is_guessed():
    cells = {"weight": CELLS["weight"], "kind": CELLS["kind"], "target": ["x"] * ROWS}
    document, comments, head = draft(Table(pa.table(cells), "t.csv"))
    assert document["tasks"] == {"kind": "Multiclass"}
    assert "'target' is named like an answer, but it always says 'x'" in comments["tasks", "kind"]
    assert "  target: it always says 'x'" in head


def test_a_name_of_yaml_signs_is_one_key():
    cells = {"x: y": CELLS["weight"], "#a": CELLS["kind"], "sold": CELLS["recommended"]}
    text = dump(*draft(Table(pa.table(cells), "t.csv"), ["x: y"]))
    read = parse_source(text, "t.yaml").document
    assert set(read["tasks"]) == {"x: y"}
    assert set(read["features"]) == {"#a", "sold"}


def test_tags_are_a_task_of_their_text_by_the_name_that_it_has_in_the_config():
    table = Table.read(
        {"a/text": ["play it", "stop", "go to bed"], "tags": ["O O", "O", "O O B-x"]}
    )
    document, comments, _ = draft(table)
    assert document["features"] == {"a_text": {"Text": {"column": "a/text"}}}
    assert document["tasks"] == {"tags": {"Tagging": {"of": "a_text"}}}
    assert comments["tasks", "tags"] == "2 tags, spans of 'a/text'"
