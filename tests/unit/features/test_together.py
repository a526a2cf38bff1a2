"""Features that are tied learn one vocabulary from all their columns."""

import numpy as np
import pytest

from plait.encoders import TextRNN
from plait.errors import ConfigError, DataError
from plait.features import Category, Number, Text, fit_features
from plait.table import Table

TABLE = Table.read(
    {
        "home": ["Ajax", "Celta", "Ajax", None],
        "away": ["Roma", "Ajax", "-", "Celta"],
        "said": ["red and blue", "blue sky", "a red sky", "nothing"],
        "thought": ["blue thoughts", "green thoughts", "red thoughts", None],
        "age": [1.0, 2.0, 3.0, 4.0],
    }
)


def encoded(features, name):
    fitted = fit_features(features, TABLE)[name]
    return fitted.encode(TABLE.column(fitted.column or name)).values


def test_one_name_is_one_id_in_every_tied_column():
    features = {"home": Category(tied="team"), "away": Category(tied="team", missing=("-",))}
    home, away = encoded(features, "home"), encoded(features, "away")
    assert home[0] == home[2] == away[1]
    assert home[1] == away[3]
    fitted = fit_features(features, TABLE)
    assert fitted["home"].learnt == fitted["away"].learnt
    assert not fitted["away"].encode(TABLE.column("away")).present[2]


@pytest.mark.parametrize("encoder", [None, TextRNN])
def test_tied_texts_have_one_vocabulary_and_one_shape(encoder):
    made = {} if encoder is None else {"encoder": encoder()}
    again = {} if encoder is None else {"encoder": encoder()}
    features = {"said": Text(tied="t", **made), "thought": Text(tied="t", **again)}
    fitted = fit_features(features, TABLE)
    assert fitted["said"].learnt["vocabulary"] == fitted["thought"].learnt["vocabulary"]
    assert fitted["said"].spec == fitted["thought"].spec
    assert {"sky", "green"} <= set(map(str, fitted["said"].learnt["vocabulary"]))


def test_a_name_alone_is_tied_to_nothing():
    alone = fit_features({"home": Category(tied="team")}, TABLE)["home"]
    assert alone.learnt == Category().fit(TABLE.column("home")).learnt


def test_tied_features_are_declared_alike():
    with pytest.raises(ConfigError, match=r"'said' and 'thought' are tied.*max_vocabulary"):
        fit_features({"said": Text(tied="t"), "thought": Text(tied="t", max_vocabulary=7)}, TABLE)


def test_tied_columns_are_of_one_type():
    features = {"age": Category(tied="c"), "home": Category(tied="c")}
    with pytest.raises(DataError, match=r"'age' and 'home' .* are tied, but one is double"):
        fit_features(features, TABLE)


def test_tied_numbers_are_scaled_alike():
    table = Table.read({"a": np.arange(10.0), "b": np.arange(10.0) * 100})
    fitted = fit_features({"a": Number(tied="n"), "b": Number(tied="n")}, table)
    assert fitted["a"].learnt == fitted["b"].learnt
