import json
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from plait.errors import DataError
from plait.features import BrokenCell, Vector
from plait.table import Table


def column(values, kind=None):
    return Table.read({"emb": pa.array(values, kind)}, name="train.csv").column("emb")


def test_each_place_is_standardised_by_itself():
    feature = Vector().fit(column([[1.0, 10.0, 5.0], [3.0, 30.0, 5.0], None]))
    encoded = feature.encode(column([[2.0, 40.0, 6.0], None, [1e9, 10.0, 5.0]]))
    np.testing.assert_allclose(encoded.values, [[0, 2, 1], [0, 0, 0], [10, -1, 0]])
    np.testing.assert_array_equal(encoded.present, [True, False, True])
    assert feature.spec.shape == (3,)
    json.dumps(feature.state, allow_nan=False)


@pytest.mark.parametrize(
    "kind",
    [
        pa.list_(pa.float32(), 2),
        pa.large_list(pa.float64()),
        pa.list_(pa.float16()),
        pa.list_(pa.int8()),
        pa.list_(pa.bool_()),
        pa.list_(pa.decimal128(5, 2)),
    ],
)
def test_lists_of_every_type_of_number(kind):
    values = [[0, 1], None, [1, 1], [0, 0]]
    if pa.types.is_floating(kind.value_type):
        values = [
            None if v is None else np.array(v, kind.value_type.to_pandas_dtype()) for v in values
        ]
    if pa.types.is_boolean(kind.value_type):
        values = [None if v is None else list(map(bool, v)) for v in values]
    cells = column(values, kind)
    encoded = Vector().fit(cells).encode(cells)
    root = np.sqrt(0.5)
    expected = [[-root, root], [0, 0], [2 * root, root], [-root, -2 * root]]
    np.testing.assert_allclose(encoded.values, expected, rtol=1e-6)
    np.testing.assert_array_equal(encoded.present, [True, False, True, True])


def test_a_list_of_another_length_is_named():
    cells = column([[1.0, 2.0], None, [3.0], [4.0, 5.0]])
    fitted = Vector().fit(column([[1.0, 2.0], [4.0, 5.0]]))
    for read in (Vector().fit, fitted.encode):
        with pytest.raises(DataError) as error:
            read(cells)
        assert str(error.value) == (
            "column 'emb', row 3 of train.csv: Vector expects 2 numbers, as most training rows have. "
            'Received 1. Leave the cell empty, or declare Vector(on_error="absent").'
        )


@pytest.mark.parametrize("odd", [np.nan, np.inf, None])
def test_a_gap_in_a_vector_is_named(odd):
    with pytest.raises(DataError, match=r"row 2 of train.csv.*finite.*as number 2 of 2"):
        Vector().fit(column([[1.0, 2.0], [3.0, odd]]))


def test_what_cannot_be_read_is_absent_where_asked_and_told():
    cells = column([[1.0, 2.0], [3.0], [], [np.nan, 1.0], [5.0, 6.0]])
    feature = Vector(on_error="absent").fit(cells)
    encoded = feature.encode(cells)
    np.testing.assert_array_equal(encoded.present, [True, False, False, False, True])
    assert [cell.row for cell in encoded.broken] == [2, 3, 4]
    first = encoded.broken[0]
    assert isinstance(first, BrokenCell)
    assert (first.column, first.source) == ("emb", "train.csv")
    assert not encoded.values[~encoded.present].any()
    whole = replace(feature, on_error="raise").fit(cells.take(np.array([0, 4])))
    assert whole.state == feature.state


@pytest.mark.parametrize(
    ("values", "kind"), [(["[1, 2]"], None), ([["a"]], None), ([[[1.0]]], None), ([1.0], None)]
)
def test_other_cells_are_refused_with_the_way_out(values, kind):
    with pytest.raises(DataError, match=r"Vector expects lists of numbers. Received .*Parquet"):
        Vector().fit(column(values, kind))


def test_lists_without_a_number_are_refused():
    with pytest.raises(DataError, match="Received empty lists alone"):
        Vector().fit(column([[], []], pa.list_(pa.float64())))
