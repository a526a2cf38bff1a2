import numpy as np
import pytest

from plait.errors import ConfigError, DataError
from plait.table import Split, Table, folds


def sizes(parts):
    return [len(parts.train), len(parts.validation), len(parts.test)]


def whole(parts, rows):
    joined = np.concatenate([parts.train, parts.validation, parts.test])
    np.testing.assert_array_equal(np.sort(joined), np.arange(rows))
    return parts


@pytest.mark.parametrize("rows", [3, 4, 10, 101])
def test_no_part_is_empty_where_there_are_rows_for_it(rows):
    parts = whole(Split().parts(Table.read({"a": list(range(rows))})), rows)
    assert min(sizes(parts)) >= 1
    assert sizes(parts)[0] == max(sizes(parts))


def test_one_row_trains():
    assert sizes(Split().parts(Table.read({"a": [1]}))) == [1, 0, 0]


def test_is_seeded_and_pinned():
    table = Table.read({"a": list(range(20))})
    again = [Split(seed=s).parts(table).test.tolist() for s in (0, 0, 1)]
    assert again[0] == again[1] != again[2]


def test_classes_are_spread_evenly_missing_labels_too():
    kind = ["x"] * 60 + ["y"] * 30 + [None] * 30
    table = Table.read({"n": list(range(120)), "kind": kind})
    parts = whole(Split().parts(table, ["n", "kind"]), 120)
    for rows in (parts.validation, parts.test):
        found = [kind[r] for r in rows]
        assert [found.count(k) for k in ("x", "y", None)] == [6, 3, 3]


def test_a_column_says_it_in_the_usual_words():
    table = Table.read({"part": ["train", "Dev", "test", "training", "val "]})
    assert sizes(Split(column="part").parts(table)) == [2, 2, 1]
    with pytest.raises(DataError, match=r"row 2 of the table.*'tets'. Did you mean 'test'"):
        Split(column="part").parts(Table.read({"part": ["train", "tets"]}))
    with pytest.raises(DataError, match="no row of column 'part' says train"):
        Split(column="part").parts(Table.read({"part": ["test", "val"]}))


def test_groups_stay_whole():
    customer = np.random.default_rng(0).integers(0, 30, 200)
    parts = whole(Split(by="customer").parts(Table.read({"customer": customer})), 200)
    groups = [set(customer[r]) for r in (parts.train, parts.validation, parts.test)]
    assert not groups[0] & groups[1]
    assert not groups[0] & groups[2]
    assert not groups[1] & groups[2]
    assert 130 < len(parts.train) < 185


def test_cut_by_time_keeps_equal_times_together():
    day = [f"2026-01-{1 + n // 10:02}" for n in range(100)][::-1]
    parts = whole(Split(after="day").parts(Table.read({"day": day})), 100)
    days = [[day[r] for r in rows] for rows in (parts.train, parts.validation, parts.test)]
    assert max(days[0]) < min(days[1]) <= max(days[1]) < min(days[2])
    assert sizes(parts) == [80, 10, 10]


def test_codes_with_a_leading_zero_are_cut_as_numbers():
    table = Table.read({"yymm": ["1001", "0912", "0905", "1002", "0901"]})
    parts = Split(after={"yymm": [1000, 1002]}).parts(table)
    assert [p.tolist() for p in (parts.train, parts.validation, parts.test)] == [
        [1, 2, 4],
        [0],
        [3],
    ]


def test_cut_at_given_times():
    table = Table.read({"year": [2019, 2020, 2021, 2022, 2023]})
    assert Split(after={"year": 2022}).parts(table).test.tolist() == [3, 4]
    parts = Split(after={"year": [2021, 2023]}).parts(table)
    assert [parts.train.tolist(), parts.validation.tolist(), parts.test.tolist()] == [
        [0, 1],
        [2, 3],
        [4],
    ]
    with pytest.raises(ConfigError, match="expected a number"):
        Split(after={"year": "soon"}).parts(table)
    with pytest.raises(DataError, match="'later'"):
        Split(after="t").parts(Table.read({"t": ["2026-01-01", "later"]}))
    with pytest.raises(DataError, match="nothing is left to train on"):
        Split(after={"year": [1900, 2020]}).parts(table)


@pytest.mark.parametrize(
    "arguments",
    [
        {"column": "a", "by": "b"},
        {"fractions": (0.5, 0.1, 0.1)},
        {"fractions": (0.0, 0.5, 0.5)},
        {"after": {"a": 1, "b": 2}},
    ],
)
def test_refuses_what_cannot_be(arguments):
    with pytest.raises(ConfigError, match="Split"):
        Split(**arguments)


def test_a_column_of_numbers_is_no_column_of_folds():
    with pytest.raises(ConfigError, match=r"'price' has 150 values.*give the number K"):
        list(folds(Table.read({"price": list(range(150))}), "price"))


def test_folds_by_number_and_by_column():
    table = Table.read({"kind": ["x", "y"] * 15, "fold": ["10", "2", "1"] * 10})
    tests = []
    for name, parts in folds(table, 5, ["kind"]):
        whole(parts, 30)
        assert len(parts.test) == 6
        tests.append(parts.test)
        assert name == str(len(tests) - 1)
    np.testing.assert_array_equal(np.sort(np.concatenate(tests)), np.arange(30))
    assert [name for name, _ in folds(table, "fold")] == ["1", "2", "10"]
    with pytest.raises(ConfigError, match="2 to 30"):
        list(folds(table, 31))
    with pytest.raises(DataError, match=r"has no column .flod.. Did you mean .fold."):
        list(folds(table, "flod"))


@pytest.mark.parametrize("spec", [3, "fold"])
def test_folds_keep_groups_whole_in_every_part(spec):
    actor = [n // 5 for n in range(60)]
    table = Table.read({"actor": actor, "fold": [str(a % 3) for a in actor]})
    seen = []
    for _, parts in folds(table, spec, by="actor", validation=0.25):
        whole(parts, 60)
        sets = [{actor[r] for r in rows} for rows in (parts.train, parts.validation, parts.test)]
        assert [len(s) for s in sets] == [6, 2, 4]
        assert len(set.union(*sets)) == 12
        seen += sets[2]
    assert sorted(seen) == list(range(12))


def test_no_more_folds_than_groups():
    with pytest.raises(ConfigError, match=r"2 to 2 \(the distinct values of 'actor'\)"):
        list(folds(Table.read({"actor": [1, 1, 2, 2, 2]}), 3, by="actor"))
