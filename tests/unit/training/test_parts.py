import pytest

from plait.errors import ConfigError
from plait.table import Split, Table
from plait.training import parted

ROWS = {"x": list(range(100)), "part": ["train"] * 70 + ["val"] * 20 + ["test"] * 10}
MORE = {"x": [1000, 1001]}


def sizes(parts):
    return {part: len(table) for part, table in parts.items()}


def cells(table):
    return table.column("x").values.to_pylist()


def test_one_table_is_parted_at_random_where_nothing_is_said():
    parts = parted(ROWS)
    assert sizes(parts) == {"train": 80, "validation": 10, "test": 10}
    assert sorted(x for part in parts.values() for x in cells(part)) == ROWS["x"]


def test_one_table_is_parted_as_the_split_says():
    parts = parted(ROWS, split=Split(column="part"))
    assert sizes(parts) == {"train": 70, "validation": 20, "test": 10}
    assert cells(parts["test"]) == list(range(90, 100))


def test_with_validation_rows_of_their_own_the_whole_table_trains():
    parts = parted(ROWS, validation=MORE)
    assert sizes(parts) == {"train": 100, "validation": 2}


def test_a_split_that_is_asked_for_holds_beside_validation_rows_of_their_own():
    parts = parted(ROWS, validation=MORE, split=Split(column="part"))
    assert sizes(parts) == {"train": 70, "validation": 2, "test": 10}


def test_parts_are_taken_as_they_are():
    parts = parted({"train": ROWS, "validation": MORE, "test": None})
    assert sizes(parts) == {"train": 100, "validation": 2}


def test_validation_rows_are_held_out_of_the_training_part():
    parts = parted({"train": ROWS, "test": Table.read(MORE)})
    assert sizes(parts) == {"train": 90, "validation": 10, "test": 2}
    assert not set(cells(parts["train"])) & set(cells(parts["validation"]))


def test_whole_groups_are_held_out_where_the_split_is_by_groups():
    rows = {"x": list(range(100)), "who": [n // 10 for n in range(100)]}
    parts = parted({"train": rows}, split=Split(by="who"))
    held = parts["validation"].column("who").values.to_pylist()
    assert not set(held) & set(parts["train"].column("who").values.to_pylist())


def test_a_column_may_be_called_train():
    assert sizes(parted({"train": list(range(10)), "x": list(range(10))}))["train"] == 8


def test_a_part_nobody_knows():
    with pytest.raises(ConfigError, match="Did you mean 'validation'"):
        parted({"train": ROWS, "validatoin": MORE})
