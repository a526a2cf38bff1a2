"""What every feature promises, run over every public one."""

import io
import json
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path

import keras
import numpy as np
import pyarrow as pa
import pytest
import soundfile
from PIL import Image
from tests.programs import built, called

from plait import encoders, features
from plait._names import from_plain, published, to_plain
from plait.errors import ConfigError, DataError, PlaitError
from plait.table import Column


def picture(seed, height=20, width=24, kind="PNG"):
    """The bytes of a picture of noise."""
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype="uint8")
    data = io.BytesIO()
    Image.fromarray(pixels).save(data, kind)
    return data.getvalue()


def sound(seed, samples=800, rate=4000):
    """The bytes of a sound of noise."""
    data = io.BytesIO()
    wave = np.random.default_rng(seed).normal(0, 0.1, samples)
    soundfile.write(data, wave, rate, format="WAV")
    return data.getvalue()


@dataclass(frozen=True)
class Case:
    """A feature, training cells with gaps, cells that training never saw, and those of another kind."""

    feature: features.Feature
    cells: list
    new: list
    other: tuple = ([1], [2])


PICTURES = [picture(0), None, picture(1), picture(2, 24, 20), None, picture(3)]
TEXTS = ["a red hat", "a blue hat", "", "red shoes, a hat", None, "a red coat"]
RECORDS = ({"a": 1}, {"a": 2})
SETS = [["a", "b"], ["b"], None, [], ["c", "b", "a", "b"], ["a"]]
DAYS = [date(2026, 1, 31), None, date(2024, 2, 29), date(2025, 12, 31), date(2026, 1, 1)]
VECTORS = [[1.0, 2.0, 3.0], None, [0.5, 2.0, -1.0], [1e6, 2.0, 0.0]]
SOUNDS = [sound(0), None, sound(1, 700), sound(2, 300), None, sound(3, 800)]
MIXED = [{"a": 1.5, "b": "x"}, None, {"a": None, "b": "x"}, {"a": 3.0, "b": "y"}]
SERIES = [[1.0, 2.0, None], None, [3.0, float("nan"), 5.0, 7.0], [2.0], [], [4.0, 4.5]]
PAIRS = [{"a": [1, 2, 3], "b": [None, 0.5, 1]}, None, {"a": [4, 5, 7], "b": None}]
TIMED = [
    {"series": [1.0, None, 2.0], "times": [0, 1, 5]},
    None,
    {"series": [3.0, 4.0], "times": [7, 9]},
]
WORDS = (["x"], ["y"])
CASES = {
    "Audio": [
        Case(features.Audio(), SOUNDS, [sound(4, 5000), sound(5, 1), None, sound(6, 900, 8000)]),
        Case(features.Audio(rate=3000, seconds=0.1), SOUNDS, [sound(7, 100, 1000)]),
    ],
    "Category": [
        Case(features.Category(), ["x", "y", "", "x", "y", None, "z"], ["z", "new", None, "x"]),
        Case(features.Category(max_categories=1), [3, 3, None, 4, 4, 3], [5, 3, None, 4]),
        Case(features.Category(), [True, None, False, True, False], [None, False]),
    ],
    "CategorySet": [
        Case(features.CategorySet(), SETS, [["a"] * 9, ["new", "b"], None, []], (1, 2)),
        Case(features.CategorySet(max_items=1), [[1, 2], [], None, [2, 3], [2]], [[3, 2]], (1, 2)),
        Case(features.CategorySet(), ["a|b", "b", "", None, "|", "a | b"], ["c|a", "b|b"], (1, 2)),
        Case(features.CategorySet(separator=" "), ["a b", "b", None], ["b a c"], ([[1]], [[2]])),
    ],
    "Columns": [
        Case(
            features.Columns(of={"a": features.Number(), "b": features.Category()}),
            MIXED,
            [{"a": 1e9, "b": "new"}, {"a": None, "b": "y"}, None],
            (1, 2),
        ),
        Case(
            features.Columns(of={"b": features.Category(), "when": features.Date()}),
            [{"b": "x", "when": date(2026, 1, 31)}, None, {"b": "y", "when": date(2024, 2, 29)}],
            [{"b": None, "when": date(1, 1, 1)}],
            (1, 2),
        ),
    ],
    "Date": [
        Case(features.Date(), DAYS, [date(1, 1, 1), None, date(9999, 12, 31)]),
        Case(
            features.Date(),
            ["2026-01-31", "2026-02-28T23:59:59.5", "", None, "2026-03-01 00:00Z", "2026-03-04"],
            ["2030-01-01T00:00+14:00", "", "0001-01-01"],
        ),
        Case(features.Date(cycles=("day",), trend=False), DAYS, [None, date(1, 1, 1)]),
        Case(features.Date(cycles=()), [datetime(2026, 1, 1, 5), None], [datetime(2026, 1, 1, 7)]),
    ],
    "Image": [
        Case(features.Image(), PICTURES, [picture(4, 60, 200), None, picture(5, kind="JPEG")]),
        Case(features.Image(size=(9, 13)), PICTURES, [picture(6, 3, 400), picture(7, 13, 9)]),
        Case(
            features.Image(flip="both", crop=0.3, jitter=0.4, rand_augment=2),
            PICTURES,
            [picture(8), None],
        ),
    ],
    "Number": [
        Case(features.Number(), [1.5, 2.0, None, -3.0, 1e9], [1e300, None, -7.0]),
        Case(features.Number(transform="log"), ["1", " 2.5 ", "", "-3e1", None], ["9", "", "1e9"]),
        Case(features.Number(transform="quantile"), [4, 4, None, 7, 1, 0], [-100, 4, 100]),
        Case(features.Number(), [True, False, None, True], [None, False]),
    ],
    "Vector": [
        Case(features.Vector(), VECTORS, [[1e300, 0.0, -1e300], None], (1, 2)),
        Case(features.Vector(), [[1, 2], None, [3, 4]], [[5, 6]], ("[1, 2]", "[3]")),
        Case(
            features.Vector(on_error="absent"),
            [[True, False], None, [True, True]],
            [[True] * 2],
            (1,),
        ),
    ],
    "Series": [
        Case(features.Series(), SERIES, [[1e9], None, [0.0] * 9, [None, None]], WORDS),
        Case(features.Series(max_steps=2), SERIES, [[1.0, 2.0, None, 4.0], [None, 1.0]], WORDS),
        Case(features.Series(), PAIRS, [{"a": None, "b": [2]}, {"a": [], "b": []}], WORDS),
        Case(features.Series(variables=("a",)), PAIRS, [{"a": [1, 2], "b": [3]}], WORDS),
        Case(
            features.Series(),
            [[[1, 2], [3, None]], None, [[5, 6], None, [7, 9]]],
            [[[0, 0]], [None, [1, 2]]],
            WORDS,
        ),
        Case(
            features.Series(),
            [[{"a": 1, "b": 2}, {"a": None, "b": 3}], None, [{"a": 4, "b": 7}]],
            [[None, {"a": 1, "b": None}]],
            WORDS,
        ),
        Case(
            features.Series(times="when", encoder=encoders.SeriesTransformer(6, heads=2)),
            TIMED,
            [{"series": [1.0, None], "times": [0.5, 0.75]}],
            WORDS,
        ),
    ],
    "Text": [
        Case(features.Text(), TEXTS, ["a hat and " * 40, "", "?!", "Blue"], RECORDS),
        Case(
            features.Text(characters=(1, 2)), ["CCO", "C=O", None, "CC"], ["CCCC", "xyz"], RECORDS
        ),
        Case(
            features.Text(encoder=encoders.TextRNN(6)),
            TEXTS,
            ["red " * 40, None, "green hat"],
            RECORDS,
        ),
        Case(
            features.Text(encoder=encoders.TextRNN(6), subwords=30),
            TEXTS,
            ["red " * 40, None, "greener ☃"],
            RECORDS,
        ),
        *(
            Case(features.Text(encoder=encoder, token_dropout=0.4), TEXTS, ["red hat"], RECORDS)
            for encoder in (None, encoders.TextRNN(6), encoders.TextWords(6))
        ),
    ],
}
EVERY = {f"{name} {i}": case for name, cases in CASES.items() for i, case in enumerate(cases)}


def over(cases):
    return pytest.mark.parametrize("case", cases.values(), ids=cases)


every_case = over(EVERY)
every_case_of_text = over(
    {name: case for name, case in EVERY.items() if any(isinstance(c, str) for c in case.cells)}
)


def column_of(cells, **kinds):
    values = pa.chunked_array([pa.array(cells, **kinds)])
    return Column("cell", values, np.arange(1, len(cells) + 1), "train.csv", Path())


def fitted(case):
    return case.feature.fit(column_of(case.cells))


def assert_same(ours, theirs):
    np.testing.assert_array_equal(ours.values, theirs.values)
    np.testing.assert_array_equal(ours.present, theirs.present)
    assert (ours.lengths is None) == (theirs.lengths is None)
    if ours.lengths is not None:
        np.testing.assert_array_equal(ours.lengths, theirs.lengths)


def test_cases_are_all_public_features():
    assert set(CASES) == set(published(features))
    for name, cases in CASES.items():
        assert {type(case.feature).__name__ for case in cases} == {name}


@every_case
def test_what_fit_learnt_is_plain_json(case):
    feature = fitted(case)
    state = json.loads(json.dumps(feature.state, allow_nan=False))
    declared = json.loads(json.dumps(to_plain(feature)))
    again = from_plain(declared, features).with_state(state)
    assert json.loads(json.dumps(to_plain(again))) == declared
    assert again.spec == feature.spec
    for cells in (case.cells, case.new):
        assert_same(again.encode(column_of(cells)), feature.encode(column_of(cells)))


@every_case
def test_fit_learns_the_same_each_time_and_encoding_teaches_nothing(case):
    feature = fitted(case)
    state, before = json.dumps(feature.state), feature.encode(column_of(case.cells))
    feature.encode(column_of(case.new))
    assert json.dumps(feature.state) == state == json.dumps(fitted(case).state)
    assert_same(feature.encode(column_of(case.cells)), before)
    assert case.feature.state is None


@every_case
def test_empty_cells_are_absent(case):
    encoded = fitted(case).encode(column_of(case.cells))
    # No step is no series, and no label is a set.
    empty = ("", []) if isinstance(case.feature, features.Series) else ("",)
    expected = [cell is not None and cell not in empty for cell in case.cells]
    np.testing.assert_array_equal(encoded.present, expected)
    assert encoded.present.dtype == bool
    assert not encoded.values[~encoded.present].any()
    assert encoded.broken == ()


@every_case
def test_shapes_are_fixed_by_the_training_rows(case):
    feature = fitted(case)
    spec = feature.spec
    for cells in (case.cells, case.new, [None, None], []):
        kinds = {} if any(c is not None for c in cells) else {"type": pa.array(case.cells).type}
        encoded = feature.encode(column_of(cells, **kinds))
        assert encoded.values.shape == (len(cells), *spec.shape)
        assert encoded.values.dtype == spec.dtype
        assert spec.lengths == (encoded.lengths is not None)
        if spec.lengths:
            assert encoded.lengths.dtype == np.int32
            assert ((encoded.lengths >= 0) & (encoded.lengths <= spec.shape[0])).all()
            for row, length in enumerate(encoded.lengths):
                assert not encoded.values[row, length:].any()


@every_case
def test_a_cell_gives_the_same_array_whatever_the_other_rows_are(case):
    feature = fitted(case)
    column = column_of(case.cells + case.new)
    whole = feature.encode(column)
    for row in range(len(column)):
        alone = feature.encode(column.take(np.array([row])))
        np.testing.assert_array_equal(alone.values[0], whole.values[row])
        assert alone.present[0] == whole.present[row]
        if whole.lengths is not None:
            assert alone.lengths[0] == whole.lengths[row]


def varied(feature, values, keys, name="cell"):
    tensors = (keras.ops.convert_to_tensor(a) for a in (values, keys))
    return keras.ops.convert_to_numpy(feature.varied(*tensors, name))


@over({n: case for n, case in EVERY.items() if case.feature.varies or n.endswith(" 0")})
def test_what_training_sees_of_a_cell_is_a_function_of_its_rows_key(case):
    feature = fitted(case)
    values = np.repeat(feature.encode(column_of(case.cells)).values, 8, axis=0)
    rows = len(values)
    keys = np.stack([np.arange(rows) * 5, np.arange(rows) % 7], axis=1).astype("int32")
    seen = varied(feature, values, keys)
    assert (seen.shape, seen.dtype) == (values.shape, values.dtype)
    if not feature.varies:
        np.testing.assert_array_equal(seen, values)
        return
    assert (seen != values).any()
    some = np.random.default_rng(0).permutation(rows)[: rows // 3]
    np.testing.assert_array_equal(varied(feature, values[some], keys[some]), seen[some])
    assert (varied(feature, values, keys + 1) != seen).any()
    assert (varied(feature, values, keys, "other") != seen).any()


@every_case
def test_a_column_that_holds_nothing_is_absent(case):
    encoded = fitted(case).encode(column_of([None, None, None]))
    assert not encoded.present.any()


@every_case
def test_an_empty_training_column_is_refused(case):
    for kind in (pa.null(), pa.array(case.cells).type):
        with pytest.raises(DataError, match=r"column 'cell' of train.csv is empty"):
            case.feature.fit(column_of([None, None], type=kind))


@every_case
def test_another_kind_of_column_is_refused(case):
    name = type(case.feature).__name__
    with pytest.raises(DataError, match=rf"column 'cell'.*{name} expects.*Received"):
        case.feature.fit(column_of(list(case.other)))


@every_case
def test_an_unknown_way_with_errors_is_refused_at_once(case):
    with pytest.raises(ConfigError, match=r"on_error is 'raise' or 'absent'. Received: 'skip'"):
        replace(case.feature, on_error="skip")


@every_case
def test_one_text_is_no_list_of_texts(case):
    for wrong in ("n/a", None, 5, [5]):
        with pytest.raises(ConfigError, match=r"missing is a list of texts. Received: "):
            replace(case.feature, missing=wrong)


@every_case
def test_an_extension_type_is_refused(case):
    values = pa.chunked_array([pa.array([bytes(16), None], pa.uuid())])
    with pytest.raises(DataError, match=r"column 'cell' of train.csv: no feature reads .*uuid"):
        case.feature.fit(Column("cell", values, np.arange(2), "train.csv"))


@every_case
def test_unfitted_features_say_so(case):
    with pytest.raises(PlaitError, match=f"{type(case.feature).__name__} has not been fitted"):
        case.feature.encode(column_of(case.cells))


@every_case_of_text
def test_texts_that_mean_missing_are_missing(case):
    feature = replace(case.feature, missing=("?",)).fit(column_of(["?", *case.cells]))
    assert feature.state == fitted(case).state
    assert not feature.encode(column_of(["?", *case.cells])).present[0]


@every_case_of_text
def test_dictionaries_and_large_strings_are_strings(case):
    plain = fitted(case)
    strings = pa.array(case.cells, pa.large_string())
    for values in (strings, strings.dictionary_encode()):
        column = Column("c", pa.chunked_array([values]), np.arange(len(values)), "t", Path())
        assert case.feature.fit(column).state == plain.state
        assert_same(plain.encode(column), plain.encode(column_of(case.cells)))


@every_case
def test_the_default_encoder_reads_the_arrays(case):
    feature = fitted(case)
    encoded = feature.encode(column_of(case.cells))
    values, scaling = encoded.values, feature.scaling()
    if scaling is not None:
        values = type(scaling).from_config(scaling.get_config())(values)
    encoder = (feature.encoder or feature.default_encoder(width=6)).for_feature(feature)
    again = built(type(encoder).from_config(encoder.get_config()), values, encoded.lengths)
    given = called(again, values, encoded.lengths)
    assert given["tokens"].shape[0] == len(case.cells)
    assert given["tokens"].shape[-1] == 6
    assert np.isfinite(keras.ops.convert_to_numpy(given["tokens"])).all()
