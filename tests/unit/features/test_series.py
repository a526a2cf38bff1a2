import numpy as np
import pyarrow as pa
import pytest

from plait.errors import ConfigError, DataError
from plait.features import Series, fit_features
from plait.table import Table, Windows

PAST = [[1.0, None, 3.0], None, [3.0]]


def column(cells, name="past", **kinds):
    return Table.read(pa.table({name: pa.array(cells, **kinds)}), name="train.csv").column(name)


def test_a_step_is_its_value_whether_it_is_known_and_the_time_since_the_last():
    feature = Series().fit(column([[1.0, None, 3.0]]))
    encoded = feature.encode(column(PAST))
    # Mean 2 and deviation 1; the last known value before the third step is that of the first.
    np.testing.assert_allclose(
        encoded.values[0], [[-1, 1, 0], [0, 0, np.log(2)], [1, 1, np.log(3)]], rtol=1e-6
    )
    np.testing.assert_allclose(encoded.values[2], [[1, 1, 0], [0, 0, 0], [0, 0, 0]])
    assert encoded.lengths.tolist() == [3, 0, 1]
    assert encoded.present.tolist() == [True, False, True]


def test_before_the_first_value_time_counts_from_the_first_step():
    feature = Series().fit(column([[1.0, 2.0, 3.0]]))
    since = feature.encode(column([[None, None, 2.0]])).values[0, :, 2]
    np.testing.assert_allclose(since, np.log([1, 2, 3]), rtol=1e-6)


@pytest.mark.parametrize("placeholder", [0.0, 99.0, -1e300, np.nan, np.inf])
def test_what_stands_behind_a_gap_changes_no_bit(placeholder):
    flat = pa.array(np.array([1.0, placeholder, 3.0]), mask=np.array([False, True, False]))
    cells = pa.chunked_array([pa.ListArray.from_arrays(pa.array([0, 3], pa.int32()), flat)])
    like = column([[1.0, None, 3.0]])
    feature = Series().fit(like)
    assert Series().fit(like.with_values(cells)).state == feature.state
    given, wanted = feature.encode(like.with_values(cells)), feature.encode(like)
    np.testing.assert_array_equal(given.values, wanted.values)


def test_each_variable_has_a_scale_of_its_own():
    feature = Series().fit(column([{"a": [0, 2], "b": [100, 300]}]))
    assert feature.state["names"] == ["a", "b"]
    assert (feature.state["mean"], feature.state["std"]) == ([1, 200], [1, 100])
    encoded = feature.encode(column([{"a": [2, 2], "b": [None, 100]}]))
    np.testing.assert_allclose(encoded.values[0, :, :2], [[1, 0], [1, -1]])


FORMS = [
    [{"a": [1, None], "b": [3, 4]}, None, {"a": None, "b": [7]}],
    [[{"a": 1, "b": 3}, {"a": None, "b": 4}], None, [{"a": None, "b": 7}]],
    [[[1, 3], [None, 4]], None, [[None, 7]]],
]


@pytest.mark.parametrize("cells", FORMS)
def test_all_forms_of_cells_come_to_the_same(cells):
    wanted = Series().fit(column(FORMS[0])).encode(column(FORMS[0]))
    feature = Series().fit(column(cells))
    np.testing.assert_array_equal(feature.encode(column(cells)).values, wanted.values)


def test_columns_are_variables():
    table = Table.read({"a": [[1, None], None, None], "b": [[3, 4], None, [7]], "c": [[0]] * 3})
    feature = Series(columns=("a", "b"))
    fitted = fit_features({"both": feature}, table)["both"]
    assert fitted.state["names"] == ["a", "b"]
    given = fitted.encode(fitted.cells("both", table))
    wanted = Series().fit(column(FORMS[0])).encode(column(FORMS[0]))
    np.testing.assert_array_equal(given.values, wanted.values)
    np.testing.assert_array_equal(given.present, [True, False, True])
    assert fitted.reads("both") == ("a", "b")


def test_variables_are_chosen_by_name_and_keep_their_order():
    feature = Series(variables=("b", "a")).fit(column(FORMS[0]))
    encoded = feature.encode(column([{"a": [1], "b": [3], "new": [9]}]))
    both = Series().fit(column(FORMS[0])).encode(column([{"a": [1], "b": [3]}]))
    np.testing.assert_array_equal(encoded.values[0, :, :2], both.values[0, :, 1::-1])


def test_times_say_how_long_ago():
    table = Table.read({"past": [[1.0, None, 3.0]], "when": [[0, 1, 5]]})
    feature = fit_features({"past": Series(times="when")}, table)["past"]
    assert feature.state["unit"] == 2.5  # the median of 1 and 4
    since = feature.encode(feature.cells("past", table)).values[0, :, 2]
    np.testing.assert_allclose(since, np.log1p(np.array([0, 1, 5]) / 2.5), rtol=1e-6)


def test_of_a_long_series_the_end_is_read():
    feature = Series(max_steps=2).fit(column([[1.0, 2.0, 3.0, 4.0]]))
    encoded = feature.encode(column([[1.0, 2.0, 3.0, 4.0], [4.0]]))
    assert feature.spec.shape == (2, 3)
    assert encoded.values[0, 1, 0] == encoded.values[1, 0, 0]
    assert encoded.lengths.tolist() == [2, 1]
    assert encoded.cut.tolist() == [True, False]


def test_numbers_may_mean_a_gap():
    feature = Series(missing=("-200",)).fit(column([[1.0, -200.0, 3.0]]))
    assert feature.state == Series().fit(column([[1.0, None, 3.0]])).state
    assert not feature.encode(column([[-200.0]])).present[0]


def test_a_wild_value_leaves_room_for_the_others():
    values = np.random.default_rng(0).normal(size=2000)
    feature = Series().fit(column([[*values, 1e12]]))
    assert feature.state["std"][0] < 20
    assert np.abs(feature.encode(column([[1e300, -1e300]])).values[0, :2, 0]).tolist() == [10, 10]


def test_the_last_known_values():
    feature = Series().fit(column(FORMS[0]))
    last = feature.last_values(column([*FORMS[0], {"a": [5, 6, None], "b": [None, None, None]}]))
    nan = np.nan
    np.testing.assert_array_equal(last, [[1, 4], [nan, nan], [nan, 7], [6, nan]])


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        (
            [{"a": [1, 2], "b": [1]}],
            r"row 1 of train.csv: the series is ragged: variable 'b' has 1 .* another has 2",
        ),
        ([[[1, 2], [3]]], "row 1 of train.csv: the series is ragged: step 2 has 1 values, where 2"),
        ([[1.0], [2.0, np.inf]], r"row 2 of train.csv: Series expects finite.*inf at step 2"),
        ([["a"]], "Series expects a list of numbers.*Received list<.*string>"),
        (["[1, 2]"], "Received string. Write lists of numbers to Parquet or JSON lines"),
        ([1.0, 2.0], "Received double"),
        ([[None, None]], "is empty in every training row"),
    ],
)
def test_what_is_no_series_is_refused(cells, message):
    with pytest.raises(DataError, match=message):
        Series().fit(column(cells))


def test_times_of_windows_are_read_where_a_step_has_no_row():
    table = Table.read({"at": ["2026-01-01T00:00", "2026-01-01T03:00"], "x": [1.0, 2.0]})
    made = Windows(time="at", step="1h").of(table)
    past = Series(column="history", times="history_times")
    feature = fit_features({"past": past}, made)["past"]
    values = feature.encode(feature.cells("past", made)).values
    np.testing.assert_allclose(values[0, :4, -1], np.log1p([0, 1, 2, 3]), atol=1e-6)


@pytest.mark.parametrize(
    ("times", "message"),
    [
        ([[3, 2]], "row 1 of .*: the series is not in the order of time: it has 2 after 3"),
        ([[2, 2]], "not in the order of time: it has the time 2 twice"),
        ([[1, 2, 3]], "row 1 of .*: the series is ragged: it has 2 steps and 3 times"),
        ([[1, None]], "row 1 of .*: the time of a step is empty"),
        ([["a", "b"]], "Series expects a list of times"),
    ],
)
def test_times_that_cannot_be_are_refused(times, message):
    table = Table.read({"past": [[1.0, 2.0]], "when": times})
    with pytest.raises(DataError, match=message):
        fit_features({"past": Series(times="when")}, table)


def test_other_variables_than_in_training_are_refused():
    feature = Series().fit(column(FORMS[0]))
    with pytest.raises(DataError, match=r"has no variable 'b'. There is: a"):
        feature.encode(column([{"a": [1]}]))
    unnamed = Series().fit(column(FORMS[2]))
    with pytest.raises(DataError, match="step 1 has 3 values, where 2"):
        unnamed.encode(column([[[1, 2, 3]]]))
    with pytest.raises(DataError, match="has no variable 'c'"):
        Series(variables=("c",)).fit(column(FORMS[0]))
    with pytest.raises(DataError, match="Leave `variables` out"):
        Series(variables=("a",)).fit(column([[1.0]]))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"max_steps": 0}, "max_steps"),
        ({"columns": ()}, "columns are names, each once"),
        ({"variables": ("a", "a")}, "variables are names, each once"),
        ({"columns": ("a",), "column": "b"}, "one of column and columns"),
    ],
)
def test_arguments_that_cannot_be_are_refused(wrong, message):
    with pytest.raises(ConfigError, match=message):
        Series(**wrong)
