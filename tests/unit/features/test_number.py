import json

import numpy as np
import pyarrow as pa
import pytest

from plait.errors import DataError
from plait.features import Number
from plait.table import Table


def column(values):
    return Table.read({"price": values}, name="train.csv").column("price")


def test_is_standardised_by_the_training_rows():
    feature = Number().fit(column([1.0, 2.0, 3.0, None]))
    encoded = feature.encode(column([2.0, None, 1e9]))
    np.testing.assert_array_equal(encoded.present, [True, False, True])
    np.testing.assert_allclose(encoded.values[:, 0], [0.0, 0.0, 10.0])
    assert encoded.values.dtype == np.float32


def test_tells_apart_seconds_of_a_date():
    times = 1_700_000_000 + np.arange(50.0)
    encoded = Number().fit(column(times)).encode(column(times))
    assert len(np.unique(encoded.values)) == 50


@pytest.mark.parametrize(
    "kind", [pa.timestamp("ns"), pa.timestamp("ns", "UTC"), pa.duration("ns"), pa.time64("ns")]
)
def test_what_lies_below_a_microsecond_is_cut(kind):
    times = pa.array([1_000_000_001, 2_000_000_999, 3_000_000_000], pa.int64()).cast(kind)
    feature = Number().fit(column(times))
    assert feature.state["mean"] == pytest.approx(2.0, abs=1e-9)
    assert feature.encode(column(times)).present.all()


@pytest.mark.parametrize("transform", [None, "log", "quantile"])
def test_state_is_json_and_enough(transform):
    values = [-5.0, 0.0, 1.0, 10.0, 1000.0]
    feature = Number(transform=transform).fit(column(values))
    again = Number(transform=transform).with_state(json.loads(json.dumps(feature.state)))
    ours, theirs = feature.encode(column(values)).values, again.encode(column(values)).values
    np.testing.assert_array_equal(ours, theirs)
    assert (np.diff(ours[:, 0]) > 0).all()


def test_text_that_parses_is_a_number():
    encoded = (
        Number(missing=("n/a",)).fit(column(["1", " 2.5 ", "n/a"])).encode(column(["n/a", "2.5"]))
    )
    np.testing.assert_array_equal(encoded.present, [False, True])


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            ["1", "2", "n/a"],
            r"column 'price', row 3 of train.csv.*'n/a'.*Number\(missing=\[.n/a.\]\)",
        ),
        ([1.0, float("inf")], r"row 2 of train.csv.*finite"),
        ([None, None], "empty in every training row"),
        ([b"x", b"y"], "expects numbers. Received binary"),
    ],
)
def test_says_which_cell_is_wrong(values, message):
    with pytest.raises(DataError, match=message):
        Number().fit(column(values))


def test_booleans_and_constants():
    np.testing.assert_allclose(
        Number().fit(column([True, False])).encode(column([True, False])).values[:, 0], [1, -1]
    )
    np.testing.assert_array_equal(
        Number().fit(column([7, 7])).encode(column([7, 8])).values[:, 0], [0, 1]
    )


def test_the_quantile_of_a_column_that_is_mostly_0_spreads_the_others():
    values = [0.0] * 900 + [float(n) for n in range(1, 101)]
    cells = column(values)
    given = Number(transform="quantile").fit(cells).encode(cells).values[:, 0]
    place = (given - given[0]) / (given[-1] - given[0])
    assert abs(place[949] - 0.5) < 0.02
    assert (np.diff(place[899:]) > 0).all()
