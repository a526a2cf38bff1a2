import json
from datetime import date, datetime

import numpy as np
import pyarrow as pa
import pytest

from plait.errors import ConfigError, DataError
from plait.features import Date
from plait.table import Table


def column(values, kind=None):
    return Table.read({"day": pa.array(values, kind)}, name="train.csv").column("day")


YEARS = [date(2020, 1, 1), date(2024, 2, 29), date(2025, 12, 31)]


def encoded(feature, values, kind=None):
    return feature.encode(column(values, kind)).values


def test_cycles_by_hand():
    """A leap year has 366 days, a February of it 29; 2024-02-29 was a Thursday, three days on."""
    feature = Date().fit(column(YEARS))
    assert feature.learnt["cycles"] == ["year", "month", "week"]
    (row,) = encoded(feature, [date(2024, 2, 29)])
    turns = np.array([59 / 366, 28 / 29, 3 / 7])
    np.testing.assert_allclose(row[1::2], np.sin(2 * np.pi * turns), atol=1e-6)
    np.testing.assert_allclose(row[2::2], np.cos(2 * np.pi * turns), atol=1e-6)


def test_how_late_it_is_is_standardised():
    feature = Date(cycles=()).fit(column([date(2026, 1, 1), date(2026, 1, 3)]))
    values = encoded(feature, [date(2026, 1, 2), date(2026, 1, 4), date(2036, 1, 1)])
    np.testing.assert_allclose(values[:, 0], [0, 2, 10])


def test_without_a_trend_the_cycles_are_left():
    whole, cycles = (Date(trend=trend).fit(column(YEARS)) for trend in (True, False))
    days = [*YEARS, date(2099, 7, 1), None]
    np.testing.assert_array_equal(encoded(cycles, days), encoded(whole, days)[:, 1:])
    assert cycles.spec.shape == (6,)
    with pytest.raises(DataError, match=r"trend=False\) reads cycles alone.*go through none"):
        Date(trend=False).fit(column([date(2026, 1, 1), date(2026, 1, 2)]))
    with pytest.raises(ConfigError, match="cycles are one at least where trend is false"):
        Date(trend=False, cycles=())


@pytest.mark.parametrize(
    ("values", "cycles"),
    [
        ([datetime(2026, 1, 1, n) for n in range(24)], ["day"]),
        ([datetime(2026, 1, 1 + n, 12) for n in range(8)], ["week"]),
        ([datetime(2026, 1, 1 + n, n) for n in range(8)], ["week", "day"]),
        ([date(2026, 1, 1 + n) for n in range(31)], ["month", "week"]),
        ([date(2000 + n, 1, 1) for n in range(9)], ["week"]),
        ([date(2026, 1, 1), date(2026, 1, 2)], []),
        ([date(2026, 1, 1)], []),
    ],
)
def test_a_cycle_is_taken_where_rows_go_through_it_and_differ_in_it(values, cycles):
    assert Date().fit(column(values)).learnt["cycles"] == cycles


def test_midnight_lies_beside_the_last_minute():
    feature = Date(cycles=("day",)).fit(column([datetime(2026, 1, 1), datetime(2026, 1, 2, 9)]))
    times = [datetime(2026, 1, 1, 0), datetime(2026, 1, 1, 23, 59), datetime(2026, 1, 1, 12)]
    midnight, last, noon = encoded(feature, times)[:, 1:]
    assert np.linalg.norm(midnight - last) < 0.01
    assert np.linalg.norm(midnight - noon) == pytest.approx(2)


def test_texts_dates_and_timestamps_are_one():
    feature = Date().fit(column(YEARS))
    expected = encoded(feature, [date(2024, 2, 29)])
    for values, kind in (
        (["2024-02-29"], None),
        ([" 2024-02-29T00:00:00.25 "], None),
        (["2024-02-28T23:00-01:00"], None),
        ([datetime(2024, 2, 29)], pa.timestamp("ns")),
        ([datetime(2024, 2, 29)], pa.timestamp("s", "UTC")),
        ([datetime(2024, 2, 29)], pa.date64()),
        (pa.array(["2024-02-29"]).dictionary_encode(), None),
    ):
        np.testing.assert_array_equal(encoded(feature, values, kind), expected)


@pytest.mark.parametrize(
    "kind", [pa.timestamp("us", "America/New_York"), pa.timestamp("us", "UTC")]
)
def test_times_are_read_on_the_clock_of_the_zone(kind):
    """Noon in Berlin is 11:00 UTC in winter and 10:00 UTC in summer."""
    feature = Date(zone="Europe/Berlin", cycles=("day",)).fit(column(YEARS))
    noons = [datetime(2026, 1, 31, 11), datetime(2026, 7, 31, 10)]
    np.testing.assert_allclose(encoded(feature, noons, kind)[:, 1:], [[0, -1], [0, -1]], atol=1e-6)
    texts = ["2026-01-31T11:00Z", "2026-07-31T06:00-04:00", "2026-07-31T12:00"]
    np.testing.assert_allclose(encoded(feature, texts)[:, 1:], [[0, -1]] * 3, atol=1e-6)


def test_the_zone_of_the_training_column_is_kept():
    kind = pa.timestamp("s", "Asia/Tokyo")
    feature = Date(cycles=("day",)).fit(column([datetime(2026, 1, 1), datetime(2026, 1, 3)], kind))
    assert feature.learnt["zone"] == "Asia/Tokyo"
    again = Date(cycles=("day",)).with_state(json.loads(json.dumps(feature.state)))
    np.testing.assert_allclose(encoded(again, ["2026-01-01T03:00Z"])[0, 1:], [0, -1], atol=1e-6)


@pytest.mark.parametrize(
    "text", ["31/01/2026", "2026-02-30", "2026-13-01", "soon", "2026-01-31T25:00"]
)
def test_a_date_that_cannot_be_read_is_named(text):
    with pytest.raises(DataError) as error:
        Date().fit(column(["2026-01-31", None, text]))
    assert str(error.value) == (
        "column 'day', row 3 of train.csv: Date expects ISO dates and times, such as 2026-01-31 and "
        f"2026-01-31T12:00. Received {text!r}. If it means missing, declare "
        f'Date(missing=["{text}"]).'
    )


def test_a_date_that_cannot_be_read_is_absent_where_asked():
    cells = column(["2026-01-31", "soon", None, "soon", "2026-02-28"])
    found = Date(on_error="absent").fit(cells).encode(cells)
    np.testing.assert_array_equal(found.present, [True, False, False, False, True])
    assert [cell.row for cell in found.broken] == [2, 4]
    assert not found.values[1:4].any()
    said = Date(missing=("soon",)).fit(cells).encode(cells)
    assert said.broken == ()
    np.testing.assert_array_equal(said.values, found.values)


@pytest.mark.parametrize(
    ("values", "kind"), [([20260131], None), ([1], pa.time32("s")), ([b"2026-01-31"], None)]
)
def test_other_cells_are_refused_with_the_way_out(values, kind):
    with pytest.raises(DataError, match=r"Date expects dates.*Received .*Number\(\)"):
        Date().fit(column(values, kind))


@pytest.mark.parametrize("wrong", [{"zone": "Europe/Nowhere"}, {"cycles": ("quarter",)}])
def test_refuses_what_cannot_be(wrong):
    with pytest.raises(ConfigError, match=f"{next(iter(wrong))} (is|are) .* Received: "):
        Date(**wrong)
