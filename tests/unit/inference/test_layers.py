import keras
import numpy as np
import pytest

from plait.inference import AbsentToken, Blank

PRESENT = np.array([True, False, True])


def as_numpy(outputs):
    return {name: keras.ops.convert_to_numpy(value) for name, value in outputs.items()}


def test_blank_puts_zeros_where_a_row_is_absent():
    values = np.array([[1.0, 2.0], [np.nan, np.inf], [3.0, 4.0]], "float32")
    given = as_numpy(Blank()(values, PRESENT))
    assert set(given) == {"values"}
    np.testing.assert_array_equal(given["values"], [[1, 2], [0, 0], [3, 4]])


def test_blank_puts_zeros_behind_a_rows_length_and_a_length_where_there_is_none():
    ids = np.array([[5, 6, 7], [8, 9, 1], [2, 3, 4]], "int32")
    given = as_numpy(Blank()(ids, PRESENT, np.array([2, 77, 3], "int32")))
    np.testing.assert_array_equal(given["values"], [[5, 6, 0], [0, 0, 0], [2, 3, 4]])
    np.testing.assert_array_equal(given["lengths"], [2, 1, 3])


def test_absent_rows_get_the_learnt_token_and_one_valid_place():
    layer = AbsentToken()
    tokens = np.ones((3, 2, 4), "float32")
    mask = np.array([[True, True], [True, True], [True, False]])
    given = as_numpy(layer(PRESENT, tokens, mask))
    token = keras.ops.convert_to_numpy(layer.token)
    np.testing.assert_array_equal(given["tokens"][[0, 2]], tokens[[0, 2]])
    np.testing.assert_array_equal(given["tokens"][1], [token, token])
    np.testing.assert_array_equal(given["mask"], [[True, True], [True, False], [True, False]])
    np.testing.assert_array_equal(given["present"], PRESENT)


def test_without_tokens_every_row_is_as_absent_as_an_absent_row():
    layer = AbsentToken()
    some = as_numpy(layer(PRESENT, np.ones((3, 2, 4), "float32"), np.ones((3, 2), bool)))
    none = as_numpy(layer(PRESENT))
    assert not none["present"].any()
    for name in ("tokens", "mask"):
        np.testing.assert_array_equal(none[name], np.stack([some[name][1]] * 3))


def test_the_first_call_needs_tokens():
    with pytest.raises(ValueError, match="must receive tokens"):
        AbsentToken()(PRESENT)
