"""A long table as windows."""

import numpy as np
import pyarrow as pa
import pytest

from plait.errors import ConfigError, DataError
from plait.table import Table, Windows, table_of


def long_table(**changed):
    columns = {
        "site": ["a"] * 5 + ["b"] * 3,
        "hour": [0, 1, 2, 3, 4, 0, 1, 2],
        "x": [0.0, 1.0, None, 3.0, 4.0, 10.0, 11.0, 12.0],
        "wind": ["n", "e", "s", "w", "n", "e", "s", "w"],
    }
    columns |= changed
    kept = {name: cells for name, cells in columns.items() if cells is not None}
    return Table(pa.table(kept), "air.csv")


def cells(table, name, variable="x"):
    values = table.column(name).values.to_pylist()
    return [row[variable] for row in values]


def test_a_history_and_what_comes_after_it():
    made = Windows(time="hour", by="site", history=2, horizon=1).of(long_table())
    assert cells(made, "history") == [[0, 1], [1, None], [None, 3], [10, 11]]
    assert cells(made, "future") == [[None], [3], [4], [12]]
    assert made.column("history_times").values.to_pylist() == [[0, 1], [1, 2], [2, 3], [0, 1]]
    # What is no value says what it says at the history's last step, whose row the window is.
    assert made.column("site").values.to_pylist() == ["a", "a", "a", "b"]
    assert made.column("hour").values.to_pylist() == [1, 2, 3, 1]
    assert made.column("wind").values.to_pylist() == ["e", "s", "w", "s"]
    assert made.rows.tolist() == [2, 3, 4, 7]


def test_rows_come_into_the_order_of_time():
    order = np.array([7, 3, 1, 4, 0, 6, 2, 5])
    windows = Windows(time="hour", by="site", history=2, horizon=1)
    shuffled = windows.of(long_table().take(order))
    # Series are in the order in which they come.
    assert shuffled.column("site").values.to_pylist() == ["b", "a", "a", "a"]
    shuffled = shuffled.take(np.argsort(shuffled.rows))
    assert shuffled.arrow.equals(windows.of(long_table()).arrow)
    assert shuffled.rows.tolist() == [2, 3, 4, 7]


def test_windows_begin_every_so_many_steps():
    made = Windows(time="hour", by="site", history=2, horizon=1, every=2).of(long_table())
    assert cells(made, "history") == [[0, 1], [None, 3], [10, 11]]


def test_without_a_length_each_series_is_one_row():
    made = Windows(time="hour", by="site").of(long_table())
    assert cells(made, "history") == [[0, 1, None, 3, 4], [10, 11, 12]]
    assert "future" not in made
    ahead = Windows(time="hour", by="site", horizon=2).of(long_table())
    assert cells(ahead, "history") == [[0, 1, None], [10]]
    assert cells(ahead, "future") == [[3, 4], [11, 12]]


def test_steps_without_a_row_are_gaps():
    table = long_table(hour=[0, 1, 2, 4, 6, 0, 1, 2])
    made = Windows(time="hour", by="site", history=3, horizon=1, step=1).of(table)
    assert cells(made, "history") == [
        [0, 1, None],
        [1, None, None],
        [None, None, 3],
        [None, 3, None],
    ]
    assert cells(made, "future") == [[None], [3], [None], [4]]
    assert made.column("hour").values.to_pylist() == [2, 2, 4, 4]


def test_a_step_may_be_a_time():
    hours = np.array([0, 1, 3, 4, 5]).astype("datetime64[h]").astype("datetime64[us]")
    table = Table(pa.table({"at": hours, "x": [0.0, 1.0, 3.0, 4.0, 5.0]}))
    for step in ("1h", "60min", 3600):
        made = Windows(time="at", history=4, step=step).of(table)
        assert cells(made, "history")[0] == [0, 1, None, 3]


def test_the_future_lies_in_one_part():
    table = long_table(part=["train", "train", "train", "test", "test", "train", "train", "test"])
    made = Windows(time="hour", by="site", history=1, horizon=2, parts="part").of(table)
    # The second window of a lies in both parts; the one of b, too.
    assert cells(made, "future") == [[1, None], [3, 4]]
    assert made.column("part").values.to_pylist() == ["train", "test"]


def test_parts_are_so_many_steps():
    table = Table(pa.table({"t": range(10), "x": np.arange(10.0)}))
    made = Windows(time="t", history=2, horizon=2, parts=(4, 3, 2)).of(table)
    # Futures 2-3; 4-5 and 5-6; 7-8. The last step is in no part.
    assert cells(made, "future") == [[2, 3], [4, 5], [5, 6], [7, 8]]
    assert made.column("split").values.to_pylist() == ["train", "validation", "validation", "test"]
    assert cells(made, "history")[-1] == [5, 6]


@pytest.mark.parametrize("parts", [None, (1, 1, 1), "site"])
def test_ahead_the_last_steps_are_a_window_whose_future_is_not_known(parts):
    windows = Windows(time="hour", by="site", history=2, horizon=2, every=9, parts=parts)
    made = windows.of(long_table(), ahead=True)
    assert cells(made, "history")[-1] == [11, 12]
    assert cells(made, "future")[-1] == [None, None]
    assert [None, None] not in cells(
        Windows(time="hour", by="site", history=2, horizon=2).of(long_table()), "future"
    )


def test_ahead_none_is_left_out_for_its_part():
    table = Table(pa.table({"t": range(10), "x": np.arange(10.0)}))
    windows = Windows(time="t", history=2, horizon=2, parts=(4, 3, 2))
    parts = ["train", None, "validation", "validation", None, "test", None]
    made = windows.of(table, ahead=True)
    assert made.column("split").values.to_pylist() == [*parts, None]
    assert windows.of(table, parted=False).column("split").values.to_pylist() == parts


def test_without_a_horizon_a_window_is_in_the_part_of_its_last_step():
    table = Table(pa.table({"t": range(6), "x": np.arange(6.0), "part": list("aabbcc")}))
    made = Windows(time="t", history=2, parts=(2, 1, 2)).of(table)
    assert cells(made, "history") == [[0, 1], [1, 2], [2, 3], [3, 4]]
    said = ["train", "validation", "test", "test"]
    assert made.column("split").values.to_pylist() == said
    made = Windows(time="t", history=2, parts="part").of(table)
    assert made.column("part").values.to_pylist() == list("abbcc")


HOURS = [0, 1, 2, 4, 6, 0, 1, 2]


def test_steps_without_a_row_and_of_the_future_have_their_times():
    windows = Windows(time="hour", by="site", history=2, horizon=2, step=1)
    made = windows.of(long_table(hour=HOURS), ahead=True)
    told = made.column("history_times").values.to_pylist()
    assert told == [[0, 1], [1, 2], [2, 3], [3, 4], [5, 6], [1, 2]]
    told = made.column("future_times").values.to_pylist()
    assert told == [[2, 3], [3, 4], [4, 5], [5, 6], [7, 8], [3, 4]]


def test_without_a_step_the_times_of_a_future_that_is_not_there_are_not_known():
    made = Windows(time="hour", by="site", history=2, horizon=2).of(long_table(hour=HOURS), True)
    told = made.column("future_times").values.to_pylist()
    assert told == [[2, 4], [4, 6], [None, None], [None, None]]


@pytest.mark.parametrize(
    ("at", "step", "kind"),
    [
        (["2026-01-01T00:00", "2026-01-01T03:00"], "90min", pa.timestamp("us")),
        (pa.array([0, 10800], pa.timestamp("s")), "90min", pa.timestamp("us")),
        (pa.array([0, 10800], pa.timestamp("s", "Asia/Tokyo")), "90min", "Asia/Tokyo"),
        (pa.array([7, 8], pa.date32()), "12h", pa.timestamp("us")),
        (pa.array([7, 9], pa.date32()), "1d", pa.date32()),
        (pa.array([0, 2 * 86_400_000], pa.date64()), "1d", pa.date64()),
        ([0, 3], 1.5, pa.float64()),
        ([0.0, 3.0], 1.5, pa.float64()),
        ([0, 4], 2, pa.int64()),
        (pa.array([0, 4], pa.uint64()), 2, pa.float64()),
    ],
    ids=str,
)
def test_the_times_of_steps_without_a_row_are_of_a_kind_that_holds_them(at, step, kind):
    kind = pa.timestamp("us", kind) if isinstance(kind, str) else kind
    given = at if isinstance(at, pa.Array) else pa.array(at)
    table = Table(pa.table({"at": given, "x": [1.0, 2.0]}), "air.csv")
    made = Windows(time="at", step=step).of(table)
    times = made.column("history_times").values.combine_chunks().flatten()
    assert times.type == kind
    assert times.take([0, 2]).equals(
        given.cast(pa.timestamp("us")).cast(kind) if given.type == pa.string() else given.cast(kind)
    )
    moments = np.asarray(times).astype("float64")
    assert moments[1] - moments[0] == moments[2] - moments[1] > 0


def test_days_ahead_are_days():
    table = Table(pa.table({"at": pa.array([7, 8, 10], pa.date32()), "x": [1.0, 2.0, 3.0]}))
    made = Windows(time="at", history=2, horizon=2, step="1d").of(table, ahead=True)
    told = made.column("future_times").values.combine_chunks().flatten()
    assert told.cast(pa.int32()).to_pylist() == [9, 10, 11, 12]


@pytest.mark.parametrize(
    "at",
    [
        pa.array([2**53 + 1, 2**53 + 3]),
        pa.array([2**63 + 1024, 2**63 + 4096], pa.uint64()),
        pa.array([1001, 3003], pa.timestamp("ns")),
    ],
    ids=str,
)
def test_without_a_step_times_are_the_cells_themselves(at):
    made = Windows(time="at").of(Table(pa.table({"at": at, "x": [1.0, 2.0]})))
    assert made.column("history_times").values.combine_chunks().flatten().equals(at)


@pytest.mark.parametrize(
    "times",
    [
        np.arange(600_000) * 0.1,
        (np.arange(600_000) * 100_000).astype("datetime64[us]"),
        np.round(np.arange(600_000) * 1e6 / 30).astype("int64").astype("datetime64[us]"),
    ],
    ids=["numbers", "times", "thirtieths"],
)
def test_a_long_series_keeps_each_of_its_rows(times):
    step = 1 / 30 if times.dtype.kind == "M" and times[1].astype(int) < 50_000 else 0.1
    times = np.delete(times, 7)
    table = Table(pa.table({"at": times, "x": np.arange(len(times)) + 0.5}))
    made = Windows(time="at", step=step).of(table)
    values = np.array(made.column("history").values[0]["x"].as_py(), float)
    np.testing.assert_array_equal(np.delete(values, 7), np.arange(len(times)) + 0.5)
    assert np.isnan(values[7])
    # A row half a step late is refused however many came before.
    late = times.copy()
    late[-1] += np.timedelta64(20_000, "us") if times.dtype.kind == "M" else 0.03
    with pytest.raises(DataError, match=r"row 599999 .*no whole number of steps"):
        Windows(time="at", step=step).of(Table(pa.table({"at": late, "x": np.ones(len(late))})))


def test_two_rows_of_one_step_are_refused():
    at = [*np.arange(20_000.0), 19_999.005]
    with pytest.raises(DataError, match=r"row 20001 .*no whole number of steps"):
        Windows(time="at", step=1).of(Table(pa.table({"at": at, "x": np.ones(20_001)})))


def test_a_table_without_parts_is_of_one():
    windows = Windows(time="hour", by="site", history=2, horizon=1, parts="part")
    with pytest.raises(DataError, match="has no column 'part'"):
        windows.of(long_table())
    assert len(windows.fitting(long_table()).of(long_table())) == 4
    assert windows.fitting(long_table(part=["train"] * 8)) is windows


def test_windows_of_windows_are_they_themselves():
    windows = Windows(time="hour", by="site", history=2)
    made = windows.of(long_table())
    assert windows.of(made) is made
    assert table_of(made, None, windows) is made
    assert table_of(made) is made


def test_values_are_chosen():
    table = long_table(y=range(8))
    both = Windows(time="hour", by="site", history=2).of(table)
    assert [f.name for f in both.column("history").type] == ["x", "y"]
    one = Windows(time="hour", by="site", history=2, values=("y",)).of(table)
    assert [f.name for f in one.column("history").type] == ["y"]
    assert one.column("x").values.to_pylist()[:2] == [1, None]


def test_a_series_that_is_too_short_is_told():
    with pytest.warns(UserWarning, match="air.csv: 1 of 2 series have fewer than the 4 steps"):
        made = Windows(time="hour", by="site", history=3, horizon=1).of(long_table())
    assert set(made.column("site").values.to_pylist()) == {"a"}


@pytest.mark.parametrize(
    ("how", "changed", "message"),
    [
        ({"history": 4, "horizon": 9}, {}, "no series is long enough: 4 steps .* and 9 .* has 5"),
        ({"by": None}, {}, "row 6 of air.csv: the time 0 is also that of row 1.*Windows\\(by="),
        (
            {},
            {"hour": [0, 1, 1, 2, 3, 0, 1, 2]},
            "row 3 .*time 1 is also that of row 2 of the same",
        ),
        ({}, {"hour": [0, 1, None, 2, 3, 0, 1, 2]}, "row 3 of air.csv.*This cell is empty"),
        ({}, {"site": ["a"] * 7 + [None]}, "row 8 of air.csv: which series the row is of"),
        ({"step": 2}, {}, "row 2 of air.csv: the time is no whole number of steps"),
        ({"step": 1}, {"hour": [0, 1, 2, 3, 4_000, 0, 1, 2]}, "would make 4004 steps of 8 rows"),
        ({"time": "hours"}, {}, "has no column 'hours'. Did you mean 'hour'"),
        ({"values": ("wind",)}, {}, "column 'wind' of air.csv: Windows makes lists .*string"),
        ({"values": ("hour",)}, {}, "column 'hour' of air.csv"),
        (
            {},
            {"x": ["1", "2", None, "n/a", "4.5", "", "1e3", "-7"]},
            "column 'x', row 4 of air.csv: 'n/a' is no number, and 5 of the column's 6 cells are",
        ),
        ({}, {"x": None}, "air.csv has no column of numbers"),
        ({}, {"history_times": ["x"] * 8}, "has a column 'history_times', as Windows calls"),
        (
            {"history": 1, "horizon": 1, "parts": (0, 0, 1), "every": 2},
            {},
            "no window's future of 1 steps lies in one part",
        ),
    ],
)
def test_what_cannot_be_is_refused(how, changed, message):
    with pytest.raises(DataError, match=message):
        Windows(**{"time": "hour", "by": "site", **how}).of(long_table(**changed))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"history": 0}, "history"),
        ({"horizon": -1}, "horizon"),
        ({"every": 0}, "every"),
        ({"step": "1 week"}, "step is a number above 0, or a time"),
        ({"step": -1.0}, "step is a number above 0"),
        ({"parts": (1, 2)}, "parts is a column, or how many steps"),
        ({"parts": (1, 2, -3)}, "parts"),
        ({"values": ()}, "values are the columns"),
    ],
)
def test_arguments_that_cannot_be_are_refused(wrong, message):
    with pytest.raises(ConfigError, match=message):
        Windows(time="hour", **wrong)
