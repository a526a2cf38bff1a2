import numpy as np
import pyarrow as pa
import pytest

from plait.errors import ConfigError, DataError
from plait.features import CategorySet
from plait.table import Table


def column(values, kind=None):
    return Table.read({"tags": pa.array(values, kind)}, name="train.csv").column("tags")


LISTS = [["b", "a"], ["a"], ["b", "a", "rare"], None, []]


def sets(encoded):
    return [
        row[:length].tolist() if there else None
        for row, length, there in zip(encoded.values, encoded.lengths, encoded.present, strict=True)
    ]


def test_ids_go_by_how_many_rows_have_a_value():
    feature = CategorySet().fit(column(LISTS))
    assert feature.learnt == {"categories": ["a", "b"], "separator": None, "length": 3}
    assert feature.for_encoder == {"size": 3}
    assert sets(feature.encode(column(LISTS))) == [[1, 2], [1], [1, 2, 0], None, []]


def test_unknown_values_are_values_and_are_counted():
    feature = CategorySet().fit(column(LISTS))
    encoded = feature.encode(column([["new", "b", "newer"], ["b"], ["new", "new"], None]))
    assert sets(encoded) == [[2, 0, 0], [2], [0], None]
    np.testing.assert_array_equal(encoded.unknown, [2, 0, 1, 0])


def test_what_is_too_much_is_cut_from_the_rarest():
    feature = CategorySet(max_items=1).fit(column(LISTS))
    encoded = feature.encode(column([["new", "b", "a"], ["b"], [], ["b", "b"]]))
    assert sets(encoded) == [[1], [2], [], [2]]
    np.testing.assert_array_equal(encoded.cut, [True, False, False, False])
    np.testing.assert_array_equal(encoded.unknown, [1, 0, 0, 0])


@pytest.mark.parametrize(
    ("cells", "separator"),
    [(["x|y,z", "x"], "|"), (["x;y,z", "x"], ";"), (["x, y", "x"], ","), (["x y", "x"], None)],
)
def test_finds_the_separator(cells, separator):
    assert CategorySet().fit(column(cells)).learnt["separator"] == separator


def test_texts_are_taken_apart():
    cells = column(["x | y", "y", "|", "", None, "y|y|"])
    assert sets(CategorySet().fit(cells).encode(cells)) == [[1, 0], [1], [], None, None, [1]]


def test_a_separator_may_be_named():
    feature = CategorySet(separator=" ").fit(column(["a,b c", "c", "a,b"]))
    assert feature.learnt["categories"] == ["a,b", "c"]


@pytest.mark.parametrize(
    ("cells", "missing"),
    [
        ([["a", "?"], ["?"], ["a"], []], ("?",)),
        (["a|?", "?", "a", "|"], ("?",)),
        ([[3, -1], [-1], [3], []], ("-1",)),
    ],
)
def test_a_value_may_mean_missing(cells, missing):
    feature = CategorySet(missing=missing).fit(column(cells))
    assert len(feature.learnt["categories"]) == 1
    assert sets(feature.encode(column(cells))) == [[1], None, [1], []]


@pytest.mark.parametrize(
    "kind",
    [
        pa.large_list(pa.string()),
        pa.list_(pa.large_string()),
        pa.list_(pa.dictionary(pa.int8(), pa.string())),
    ],
)
def test_lists_of_other_types(kind):
    feature = CategorySet().fit(column(LISTS))
    assert sets(feature.encode(column(LISTS, kind))) == sets(feature.encode(column(LISTS)))


def test_lists_of_one_length_and_one_spelling():
    feature = CategorySet().fit(column([[1, 2], [2, 1]]))
    kind = pa.list_(pa.int64(), 2)
    assert sets(feature.encode(column([[2, 1], None, [1, 5]], kind))) == [[1, 2], None, [1, 0]]
    assert sets(feature.encode(column([["1", "2"]]))) == [[1, 2]]
    assert sets(feature.encode(column([[1.0, 2.0]]))) == [[1, 2]]


def test_a_gap_in_a_list_says_nothing():
    feature = CategorySet().fit(column(LISTS))
    assert sets(feature.encode(column([["a", None], [None]]))) == [[1], None]


def test_empty_sets_alone_are_there():
    cells = column([[], [], None], pa.list_(pa.string()))
    feature = CategorySet().fit(cells)
    assert feature.spec.shape == (1,)
    assert sets(feature.encode(cells)) == [[], [], None]


@pytest.mark.parametrize(
    "values", [[1, 2], [[[1]], [[2]]], [[b"x"]], [[{"a": 1}]], [1.5], [True, False]]
)
def test_other_cells_are_refused_with_the_way_out(values):
    with pytest.raises(DataError, match=r"CategorySet expects lists.*Received .*Category\(\)"):
        CategorySet().fit(column(values))


def test_a_list_written_as_text_is_refused():
    with pytest.raises(DataError, match=r"row 2 of train.csv.*Received the text .\['a'"):
        CategorySet().fit(column(["b", "['a', 'b']"]))
    assert CategorySet(separator=",").fit(column(["['a', 'b']"])).learnt["length"] == 2


@pytest.mark.parametrize("wrong", [{"separator": ""}, {"max_categories": 0}, {"max_items": 0}])
def test_refuses_what_cannot_be(wrong):
    with pytest.raises(ConfigError, match=f"{next(iter(wrong))} is .* Received: "):
        CategorySet(**wrong)
