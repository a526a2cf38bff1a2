import datetime

import numpy as np
import pyarrow as pa
import pytest

from plait.table import Table, contents


def column_of(values):
    return Table(pa.table({"x": values})).column("x")


@pytest.mark.parametrize(
    "cells",
    [
        ["a", "b", None, "a", ""],
        [b"a", b"b", None, b"a", b""],
        [1, 2, None, 1, 0],
        [1.5, 2.0, None, 1.5, float("nan")],
        [[1.0, None], [1.0], None, [1.0, None], []],
        [{"x": 1}, {"x": 2}, None, {"x": 1}, {"x": None}],
        [datetime.date(2024, 1, n) if n else None for n in (1, 2, 0, 1, 3)],
    ],
)
def test_equal_cells_have_one_number(cells):
    found = contents(column_of(pa.array(cells)))
    assert found.dtype == np.int64
    assert found[0] == found[3]
    assert found[2] == 0
    assert len(set(found.tolist())) == 4
    chunked = pa.chunked_array([pa.array(cells)[:2], pa.array(cells)[2:]])
    np.testing.assert_array_equal(contents(column_of(chunked)), found)
    alone = column_of(pa.array(cells)).take(np.array([1]))
    assert contents(alone).tolist() == [found[1]]


def test_half_precision_is_hashed_as_well():
    found = contents(column_of(pa.array(np.array([1.5, 2.0, 1.5], "float16"))))
    assert found[0] == found[2] != found[1]


def test_how_a_text_is_stored_is_no_part_of_it():
    cells = pa.array(["a", None, "b"])
    for other in (cells.dictionary_encode(), cells.cast(pa.large_string())):
        np.testing.assert_array_equal(contents(column_of(other)), contents(column_of(cells)))
