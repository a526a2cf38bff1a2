import numpy as np
import pyarrow as pa
import pytest

from plait.table import Column


def missing(values, *also):
    cells = pa.chunked_array([values])
    return Column("c", cells, np.arange(len(values)), "t.csv").is_missing(also).tolist()


@pytest.mark.parametrize("kind", [pa.int8(), pa.int64(), pa.float16(), pa.float32(), pa.float64()])
@pytest.mark.parametrize("text", ["-1", "-1.0", "-1e0"])
def test_a_number_is_missing_by_what_it_is_not_by_how_it_is_written(kind, text):
    assert missing(pa.array([1, -1, None]).cast(kind), text) == [False, True, True]


def test_texts_that_are_no_such_number_say_nothing():
    assert missing(pa.array([1, 2], pa.int8()), "n/a", "1.5", "300", "inf", "nan") == [False] * 2
    key = 2**60
    assert missing(pa.array([key, key + 1]), str(key)) == [True, False]
    assert missing(pa.array([0.1, 0.2], pa.float32()), "0.1") == [True, False]


def test_booleans_and_texts():
    assert missing(pa.array([True, False]), "False", "0") == [False, True]
    assert missing(pa.array(["-1", "-1.0", ""]), "-1") == [True, False, True]
