import datetime
import json

import numpy as np
import pytest

from plait.encoders import NumberEmbedding
from plait.errors import ConfigError, DataError
from plait.features import Category, Columns, Date, Number, Text, Vector
from plait.table import Table

TRAIN = {
    "age": [20.0, 40.0, None, 30.0],
    "sex": ["f", "m", "f", "m"],
    "emb": [[1.0, 2.0], [3.0, 2.0], [1.0, 4.0], None],
}
OF = {"age": Number(), "kind": Category(column="sex"), "emb": Vector()}


def table(columns, name="train.csv"):
    return Table.read(columns, name=name)


def fitted(feature=None, columns=TRAIN):
    feature = feature or Columns(of=OF)
    return feature.fit(feature.cells("person", table(columns)))


def encoded(feature, columns):
    return feature.encode(feature.cells("person", table(columns, "new.csv")))


def test_each_column_is_what_its_feature_makes_of_it_and_then_which_are_there():
    feature = fitted()
    found = encoded(feature, TRAIN)
    parts = {
        own: one.fit(one.cells(own, table(TRAIN))).encode(one.cells(own, table(TRAIN)))
        for own, one in OF.items()
    }
    wanted = np.column_stack(
        [
            parts["age"].values,
            parts["kind"].values,
            parts["emb"].values,
            *(one.present for one in parts.values()),
        ]
    )
    np.testing.assert_allclose(found.values, wanted)
    assert found.values.dtype == np.float32
    assert feature.for_encoder["columns"] == ({"numbers": 1}, {"ids": 3}, {"numbers": 2})
    assert feature.spec.shape == (7,)
    assert feature.reads("person") == ("age", "sex", "emb")


def test_only_a_row_of_empty_cells_is_absent():
    rows = {"age": [None, None], "sex": ["", "f"], "emb": [None, None]}
    found = encoded(fitted(), rows)
    np.testing.assert_array_equal(found.present, [False, True])
    np.testing.assert_array_equal(found.values[:, -3:], [[0, 0, 0], [0, 1, 0]])


def test_a_column_that_a_new_table_lacks_is_empty_and_in_training_it_is_refused():
    whole, without = (
        encoded(fitted(), rows) for rows in ({**TRAIN, "age": [None] * 4}, {"sex": TRAIN["sex"]})
    )
    np.testing.assert_array_equal(without.values[:, :2], whole.values[:, :2])
    np.testing.assert_array_equal(without.values[:, -3:], [[0, 1, 0]] * 4)
    assert fitted().is_in("person", table({"sex": ["f"]}))
    assert not fitted().is_in("person", table({"other": ["f"]}))
    with pytest.raises(DataError, match="'age'"):
        Columns(of=OF).cells("person", table({"sex": ["f"]}))


def test_strings_that_mean_missing_hold_for_all_columns_beside_their_own():
    of = {"a": Number(missing=("-",)), "b": Category()}
    rows = {"a": ["1", "?", "-", "2"], "b": ["x", "?", "-", "x"]}
    found = encoded(fitted(Columns(of=of, missing=("?",)), rows), rows)
    np.testing.assert_array_equal(found.values[:, -2:], [[1, 1], [0, 0], [0, 1], [1, 1]])
    np.testing.assert_array_equal(found.present, [True, False, True, True])


def test_what_is_wrong_in_a_column_is_told_of_that_column():
    with pytest.raises(DataError, match=r"column 'age', row 2 of train.csv: Number expects"):
        fitted(columns={**TRAIN, "age": ["1", "many", "2", "3"]})
    with pytest.raises(DataError, match=r"column 'sex' of train.csv is empty"):
        fitted(columns={**TRAIN, "sex": ["", None, "", None]})


def test_on_error_absent_holds_for_all_columns_and_names_the_cell():
    of = {"when": Date(), "n": Number()}
    rows = {"when": ["2026-01-01", "soon", "2026-01-03"], "n": [1, 2, 3]}
    with pytest.raises(DataError, match=r"column 'when', row 2 of train.csv"):
        fitted(Columns(of=of), rows)
    found = encoded(fitted(Columns(of=of, on_error="absent"), rows), rows)
    (broken,) = found.broken
    assert (broken.row, broken.column, broken.source) == (2, "when", "new.csv")
    np.testing.assert_array_equal(found.values[:, -2:], [[1, 1], [0, 1], [1, 1]])


def test_values_that_training_did_not_have_are_unknown_not_empty():
    found = encoded(fitted(), {**TRAIN, "sex": ["d"] * 4})
    assert not found.values[:, 1].any()
    assert found.values[:, 5].all()


def test_what_fit_learnt_is_plain_and_of_each_column():
    state = json.loads(json.dumps(fitted().state, allow_nan=False))
    assert state["of"]["kind"] == {"categories": ["f", "m"]}
    again = Columns(of=OF).with_state(state)
    np.testing.assert_array_equal(encoded(again, TRAIN).values, encoded(fitted(), TRAIN).values)


def test_days_and_numbers_of_one_column():
    days = [datetime.date(2026, 1, 1) + datetime.timedelta(n) for n in range(30)]
    of = {"late": Number(column="day"), "day": Date(cycles=("week",), trend=False)}
    feature = fitted(Columns(of=of), {"day": days})
    assert feature.reads("x") == ("day",)
    assert feature.spec.shape == (5,)


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (lambda: Columns(of={}), r"of is a mapping from names to features"),
        (lambda: Columns(of=[Number()]), r"of is a mapping from names to features"),
        (lambda: Columns(of={"a": Number}), r"expected an object of a Feature.*Write Number\(\)"),
        (lambda: Columns(of={"a": Text()}), r"'a' is Text, of the modality text.*beside it"),
        (lambda: Columns(of={"a": Columns(of=OF)}), r"'a' is Columns, of the modality columns"),
        (lambda: Columns(of=OF, column="x"), r"column is for the features in it. Received: 'x'"),
        (lambda: Columns(of=OF, tied="x"), r"tied is for the features in it"),
        (
            lambda: Columns(of={"a": Number(encoder=NumberEmbedding())}),
            r"'a' has an argument encoder, but all columns are read by one encoder",
        ),
        (lambda: Columns(of={"a": Number(tied="t")}), r"'a' has an argument tied"),
    ],
)
def test_what_cannot_be_is_refused_at_once(made, said):
    with pytest.raises(ConfigError, match=said):
        made()
