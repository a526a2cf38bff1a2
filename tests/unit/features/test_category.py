import json

import numpy as np
import pytest

from plait.errors import DataError
from plait.features import Category
from plait.table import Table


def column(values):
    return Table.read({"c": values}, name="train.csv").column("c")


def test_the_most_frequent_come_first_and_single_ones_are_unknown():
    feature = Category().fit(column(["b", "a", "a", "b", "a", "rare", None]))
    assert feature.state == {"categories": ["a", "b"]}
    encoded = feature.encode(column(["a", "b", "rare", "never", None]))
    np.testing.assert_array_equal(encoded.values, [1, 2, 0, 0, 0])
    np.testing.assert_array_equal(encoded.present, [True, True, True, True, False])


def test_one_value_has_one_spelling():
    feature = Category().fit(column([1, 1, 2, 2]))
    for same in ([1.0, 2.0], ["1", "2"], [1, 2]):
        np.testing.assert_array_equal(feature.encode(column(same)).values, [1, 2])


def test_an_empty_cell_is_none_of_the_values_whatever_they_are_called():
    feature = Category(missing=("n/a",)).fit(column(["None", "None", "n/a", "n/a", None]))
    assert feature.state == {"categories": ["None"]}
    encoded = feature.encode(column([None, "None", "n/a", ""]))
    np.testing.assert_array_equal(encoded.values, [0, 1, 0, 0])
    np.testing.assert_array_equal(encoded.present, [False, True, False, False])
    assert not feature.encode(column([None, None])).present.any()


def test_state_is_json_and_small_where_asked():
    feature = Category(max_categories=1).fit(column([True, True, False, False, True]))
    assert json.loads(json.dumps(feature.state)) == {"categories": ["true"]}
    assert feature.for_encoder == {"size": 2}


def test_a_table_where_all_values_are_single_keeps_them():
    assert Category().fit(column(["x", "y"])).state == {"categories": ["x", "y"]}


def test_refuses_what_is_no_category():
    with pytest.raises(DataError, match="Received binary"):
        Category().fit(column([b"x", b"y"]))
    with pytest.raises(DataError, match="empty in every training row"):
        Category().fit(column([None, ""]))
