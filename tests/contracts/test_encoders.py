"""What every encoder promises, run over every public one."""

import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import pytest
from keras import ops
from tests.programs import built, called

from plait import encoders
from plait._names import from_plain, parameters, published, to_plain

WIDTH = 6
ROWS = 5


@dataclass(frozen=True)
class Case:
    """An encoder and how to draw values for it.

    Attributes:
        make: the encoder, for constructor arguments beside the case's own.
        shape: of a row.
        draw: `(generator, shape)` -> values.
        dtype: of the values.
        lengths: valid steps of the rows, where the first axis is padded.
    """

    make: Callable[..., encoders.Encoder]
    shape: tuple[int, ...]
    draw: Callable[[np.random.Generator, tuple[int, ...]], np.ndarray]
    dtype: str = "float32"
    lengths: tuple[int, ...] | None = None


def case_of(cls, shape, draw, dtype="float32", lengths=None, **arguments):
    return Case(lambda **more: cls(WIDTH, **arguments, **more), shape, draw, dtype, lengths)


def normal(rng, shape):
    return rng.normal(size=shape)


def ids(rng, shape):
    return rng.integers(2, 9, shape)


def spelled(rng, shape):
    """Ids of words, and behind each those of its characters, some of them padding."""
    values = rng.integers(2, 9, shape)
    values[..., -1] *= rng.integers(0, 2, shape[:-1])
    return values


def grams(rng, shape):
    """Ids, and weights of length 1."""
    values = rng.uniform(0.1, 1, shape)
    values[..., 1] /= np.linalg.norm(values[..., 1], axis=1, keepdims=True)
    values[..., 0] = rng.integers(1, 9, shape[:2])
    return values


def row_of_columns(rng, shape):
    """An id, two numbers, an id; which of the three columns are there."""
    rows = np.arange(shape[0])
    numbers, there = rng.normal(size=(len(rows), 2)), rows != 2
    return np.column_stack([rows % 4, numbers, rows % 3, there, rows != 3, there])


def number_or_none(rng, shape):
    return np.column_stack([rng.normal(size=shape[0]), np.arange(shape[0]) != 2])


def ids_or_none(rng, shape):
    rows = np.arange(shape[0])
    return np.column_stack([rows % 3, rows % 4, rows != 2, rows != 3])


CASES = {
    "AudioConv": [
        case_of(
            encoders.AudioConv,
            (300,),
            normal,
            lengths=(300, 1, 10, 157, 200),
            rate=1000,
            mels=8,
            channels=(4, 5),
        ),
        case_of(
            encoders.AudioConv,
            (90,),
            normal,
            lengths=(90, 11, 20, 57, 80),
            rate=1000,
            mels=4,
            channels=(4,),
            centre="bands",
        ),
    ],
    "CategoryBag": [
        case_of(encoders.CategoryBag, (7,), ids, "int32", (7, 1, 3, 5, 6), size=9, hidden=4),
        case_of(encoders.CategoryBag, (4,), ids, "int32", size=9, unknown=0.5),
    ],
    "CategoryEmbedding": [
        case_of(
            encoders.CategoryEmbedding,
            (),
            lambda rng, shape: rng.permuted(np.arange(shape[0])) % 4 + 1,
            "int32",
            size=5,
        )
    ],
    "ImageConv": [
        case_of(encoders.ImageConv, (12, 9, 3), normal, channels=(4, 5)),
        case_of(encoders.ImageConv, (28, 28, 1), normal, blocks=0),
    ],
    "ImagePatches": [
        case_of(encoders.ImagePatches, (12, 9, 3), normal, patch=4, heads=2, blocks=1),
        case_of(encoders.ImagePatches, (28, 28, 1), normal, heads=3, hidden=5, blocks=2),
    ],
    "ResNet": [
        case_of(encoders.ResNet, (12, 9, 3), normal, channels=(16, 5), blocks=1),
        case_of(encoders.ResNet, (28, 28, 1), normal, channels=(8,)),
    ],
    "ConvNeXt": [
        case_of(encoders.ConvNeXt, (12, 9, 3), normal, channels=(4, 5), blocks=1),
        case_of(encoders.ConvNeXt, (28, 28, 1), normal, channels=(8,), stochastic_depth=0.3),
    ],
    "NumberEmbedding": [
        case_of(encoders.NumberEmbedding, (1,), normal, bins=(-1.0, 0.0, 0.5), hidden=4),
        case_of(encoders.NumberEmbedding, (2,), normal, hidden=4),
    ],
    "Tabular": [
        case_of(
            encoders.Tabular,
            (7,),
            row_of_columns,
            columns=({"ids": 4}, {"numbers": 2}, {"ids": 3}),
            embedding_width=3,
            frequencies=2,
            hidden=8,
            members=3,
        ),
        case_of(encoders.Tabular, (2,), number_or_none, columns=({"numbers": 1},), hidden=8),
        case_of(
            encoders.Tabular,
            (4,),
            ids_or_none,
            columns=({"ids": 3}, {"ids": 4}),
            hidden=8,
            blocks=1,
        ),
    ],
    "TextBag": [
        case_of(encoders.TextBag, (7, 2), grams, lengths=(7, 1, 3, 5, 6), vocabulary=9, hidden=4)
    ],
    "VectorEmbedding": [case_of(encoders.VectorEmbedding, (5,), normal, hidden=4)],
    "TextRNN": [
        case_of(encoders.TextRNN, (7,), ids, "int32", lengths=(7, 1, 3, 5, 6), vocabulary=9),
        case_of(
            encoders.TextRNN,
            (4,),
            ids,
            "int32",
            (4, 1, 3, 2, 4),
            vocabulary=9,
            cell="gru",
            embedding_width=5,
        ),
    ],
    "SeriesConv": [
        case_of(
            encoders.SeriesConv,
            (9, 6),
            normal,
            lengths=(9, 1, 3, 5, 8),
            channels=5,
            dilations=(1, 2),
        ),
        case_of(
            encoders.SeriesConv,
            (8, 3),
            normal,
            lengths=(8, 1, 3, 5, 6),
            channels=5,
            dilations=(1, 4),
            kernel=4,
            padding="same",
        ),
    ],
    "SeriesTransformer": [
        case_of(
            encoders.SeriesTransformer, (9, 6), normal, lengths=(9, 1, 3, 5, 8), blocks=2, heads=2
        ),
        case_of(
            encoders.SeriesTransformer,
            (7, 3),
            normal,
            lengths=(7, 1, 3, 5, 6),
            heads=3,
            hidden=4,
            causal=True,
        ),
    ],
    "TextTransformer": [
        case_of(
            encoders.TextTransformer,
            (7,),
            ids,
            "int32",
            lengths=(7, 1, 3, 5, 6),
            vocabulary=9,
            heads=2,
        ),
        case_of(
            encoders.TextTransformer,
            (4,),
            ids,
            "int32",
            (4, 1, 3, 2, 4),
            vocabulary=9,
            blocks=1,
            heads=1,
            hidden=5,
        ),
    ],
    "TextWords": [
        case_of(
            encoders.TextWords,
            (7, 5),
            spelled,
            "int32",
            (7, 1, 3, 5, 6),
            vocabulary=9,
            characters=9,
            filters=3,
        ),
        case_of(
            encoders.TextWords,
            (4, 4),
            spelled,
            "int32",
            (4, 1, 3, 2, 4),
            vocabulary=9,
            characters=9,
            embedding_width=5,
            window=2,
        ),
    ],
}
EVERY = {f"{name} {i}": case for name, cases in CASES.items() for i, case in enumerate(cases)}


def over(cases):
    # All tests of a case follow each other, on the same compiled programs.
    return pytest.mark.parametrize("case", cases.values(), ids=cases, scope="module")


every_case = over(EVERY)
every_padded_case = over({name: case for name, case in EVERY.items() if case.lengths})


def test_cases_are_all_public_encoders():
    assert set(CASES) == set(published(encoders))
    for name, cases in CASES.items():
        assert {type(case.make()).__name__ for case in cases} == {name}


def batch_of(case, seed=0):
    """Values, padded with zeros, and their lengths."""
    values = case.draw(np.random.default_rng(seed), (ROWS, *case.shape)).astype(case.dtype)
    if case.lengths is None:
        return values, None
    lengths = np.array(case.lengths, "int32")
    valid = np.arange(case.shape[0]) < lengths[:, None]
    values[~valid] = 0
    return values, lengths


def encoded(layer, values, lengths=None):
    given = called(layer, values, lengths)
    return {
        "tokens": ops.convert_to_numpy(ops.cast(given["tokens"], "float32")),
        "mask": ops.convert_to_numpy(given["mask"]),
    }


@dataclass(frozen=True)
class Made:
    """A layer whose every weight has moved, a compiled model of it, and its weights as they began.

    What several tests read: whoever changes the weights puts the moved ones back.
    """

    layer: encoders.Encoder
    model: keras.Model
    start: list[np.ndarray]


@functools.cache
def made(case):
    keras.utils.set_random_seed(0)
    layer = case.make()
    model = model_of(case, layer)
    model.compile(keras.optimizers.SGD(0.1), loss="mse")
    start = values_of(layer)
    rng = np.random.default_rng(1)
    for weight in layer.trainable_variables:
        value = ops.convert_to_numpy(weight)
        weight.assign(value + 0.1 * rng.normal(size=value.shape).astype("float32"))
    return Made(layer, model, start)


def values_of(layer):
    return [value.copy() for value in layer.get_weights()]


def trained(case):
    """A layer whose every weight has moved from where it started; no test changes it."""
    return made(case).layer


def one_step(case, values, lengths):
    """Each weight's path, whether it learns, its value before and after; the loss before."""
    model, start = made(case).model, made(case).start
    moved = values_of(model)
    model.set_weights(start)
    target = np.random.default_rng(3).normal(size=(ROWS, *model.output_shape[1:]))
    x = inputs_of(values, lengths)
    found = model.fit(x, target.astype("float32"), batch_size=ROWS, verbose=0)
    weights = [
        (weight.path, weight.trainable, old, new)
        for weight, old, new in zip(model.weights, start, values_of(model), strict=True)
    ]
    model.set_weights(moved)
    return weights, found.history["loss"]


def model_of(case, layer):
    inputs: dict[str, Any] = {"values": keras.Input(case.shape, dtype=case.dtype, name="values")}
    if case.lengths:
        inputs["lengths"] = keras.Input((), dtype="int32", name="lengths")
    return keras.Model(inputs, layer(inputs["values"], inputs.get("lengths"))["tokens"])


def inputs_of(values, lengths):
    return {"values": values} if lengths is None else {"values": values, "lengths": lengths}


@every_case
def test_gives_tokens_and_a_mask(case):
    given = called(trained(case), *batch_of(case))
    tokens, mask = given["tokens"], given["mask"]
    assert (tokens.shape[0], tokens.shape[2]) == (ROWS, WIDTH)
    assert tuple(mask.shape) == tuple(tokens.shape[:2])
    assert keras.backend.standardize_dtype(tokens.dtype) == "float32"
    assert keras.backend.standardize_dtype(mask.dtype) == "bool"
    assert ops.convert_to_numpy(mask).any(axis=1).all()
    assert made(case).model.output_shape == (None, *tokens.shape[1:])
    for picture in given.get("maps", ()):
        assert (picture.shape[0], len(picture.shape)) == (ROWS, 4)
    sides = [picture.shape[1] for picture in given.get("maps", ())]
    assert sides == sorted(sides)


@every_case
def test_rows_differ_by_what_they_hold(case):
    given = encoded(trained(case), *batch_of(case))
    first = given["tokens"][:, 0]
    assert np.abs(first[0] - first[1]).max() > 1e-3


@every_case
def test_another_rows_values_change_no_bit(case):
    values, lengths = batch_of(case)
    layer = trained(case)
    before = encoded(layer, values, lengths)
    other = np.zeros_like(values[2]) if case.dtype == "int32" else np.full_like(values[2], 1e3)
    values = values.copy()
    values[2] = other
    after = encoded(layer, values, lengths)
    kept = np.arange(ROWS) != 2
    for part in ("tokens", "mask"):
        np.testing.assert_array_equal(before[part][kept], after[part][kept])
    assert np.abs(before["tokens"][2] - after["tokens"][2]).max() > 0


@pytest.mark.backends
@every_padded_case
def test_what_stands_beyond_a_rows_length_changes_no_bit(case):
    values, lengths = batch_of(case)
    layer = trained(case)
    filled = case.draw(np.random.default_rng(9), values.shape).astype(case.dtype)
    valid = np.arange(case.shape[0]) < lengths[:, None]
    filled[valid] = values[valid]
    before, after = (encoded(layer, v, lengths) for v in (values, filled))
    np.testing.assert_array_equal(before["mask"], after["mask"])
    mask = before["mask"]
    np.testing.assert_array_equal(before["tokens"][mask], after["tokens"][mask])


@every_padded_case
@pytest.mark.parametrize("longer", [1, pytest.param(80, marks=pytest.mark.backends)])
def test_padding_changes_no_valid_token(case, longer):
    values, lengths = batch_of(case)
    layer = trained(case)
    padded = np.zeros((ROWS, case.shape[0] + longer, *case.shape[1:]), case.dtype)
    padded[:, : case.shape[0]] = values
    longer_layer = built(type(layer).from_config(layer.get_config()), padded, lengths)
    longer_layer.set_weights(layer.get_weights())
    short, long = encoded(layer, values, lengths), encoded(longer_layer, padded, lengths)
    np.testing.assert_array_equal(short["mask"].sum(1), long["mask"].sum(1))
    np.testing.assert_allclose(
        short["tokens"][short["mask"]], long["tokens"][long["mask"]], rtol=1e-4, atol=1e-4
    )


@every_padded_case
def test_without_lengths_every_step_is_valid(case):
    values, _ = batch_of(case)
    layer = trained(case)
    full = encoded(layer, values, np.full(ROWS, case.shape[0], "int32"))
    none = encoded(layer, values)
    assert none["mask"].all()
    # Two programs, which may add in another order.
    np.testing.assert_allclose(none["tokens"], full["tokens"], rtol=1e-5, atol=1e-5)


@pytest.mark.backends
@every_case
def test_rows_of_zeros_leave_the_weights_finite(case):
    """Absent rows come as zeros; their tokens are replaced, but 0 times NaN would be NaN."""
    values, lengths = batch_of(case)
    values[1:] = 0
    lengths = None if lengths is None else np.maximum(np.where(np.arange(ROWS) > 0, 1, lengths), 1)
    assert np.isfinite(encoded(trained(case), values, lengths)["tokens"]).all()
    weights, loss = one_step(case, values, lengths)
    assert np.isfinite(loss).all()
    for path, _, _, value in weights:
        assert np.isfinite(value).all(), path


@every_case
def test_one_step_moves_every_weight(case):
    for path, learns, old, new in one_step(case, *batch_of(case))[0]:
        assert not learns or np.abs(new - old).max() > 0, path


@pytest.mark.backends
@every_case
def test_saved_and_loaded(case, tmp_path):
    layer = trained(case)
    made(case).model.save(tmp_path / "model.keras")
    model = keras.models.load_model(tmp_path / "model.keras", compile=False)
    again = model.get_layer(layer.name)
    given, wanted = (encoded(one, *batch_of(case)) for one in (again, layer))
    np.testing.assert_array_equal(given["tokens"], wanted["tokens"])
    np.testing.assert_array_equal(given["mask"], wanted["mask"])
    assert again.get_config() == layer.get_config()


@every_case
def test_constructor_arguments_are_the_configuration(case):
    layer = case.make()
    config = layer.get_config()
    assert set(parameters(type(layer))) <= set(config)
    assert type(layer).from_config(config).get_config() == config
    assert from_plain(to_plain(layer), encoders).get_config() | {"name": ""} == config | {
        "name": ""
    }
    for name in parameters(type(layer)):
        assert getattr(layer, name) == config[name]
    assert "lengths" in inspect.signature(layer.call).parameters


@every_case
def test_mixed_precision_stays_near(case):
    full = trained(case)
    values, lengths = batch_of(case)
    half = built(case.make(dtype="mixed_bfloat16"), values, lengths)
    half.set_weights(full.get_weights())
    tokens = called(half, values, lengths)["tokens"]
    assert keras.backend.standardize_dtype(tokens.dtype) == "bfloat16"
    given, wanted = encoded(half, values, lengths), encoded(full, values, lengths)
    mask = wanted["mask"]
    np.testing.assert_array_equal(given["mask"], mask)
    np.testing.assert_allclose(given["tokens"][mask], wanted["tokens"][mask], atol=0.3, rtol=0.1)


@every_case
def test_training_draws_do_not_depend_on_the_values(case):
    """Two calls from one state, one batch with another row's values changed."""
    values, lengths = batch_of(case)
    changed = values.copy()
    changed[2] = 0
    layer, given = trained(case), []
    start = [(v, ops.convert_to_numpy(v).copy()) for v in layer.variables]
    for batch in (values, changed):
        tokens = called(layer, batch, lengths, training=True)["tokens"]
        given.append(ops.convert_to_numpy(tokens))
        for variable, value in start:
            variable.assign(value)
    kept = np.arange(ROWS) != 2
    np.testing.assert_array_equal(given[0][kept], given[1][kept])
