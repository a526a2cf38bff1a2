"""What every head promises, run over every public one."""

import inspect
from functools import cache

import keras
import numpy as np
import pytest
from keras import ops
from tests.programs import built, called

from plait import heads

CASES = {
    "BoxesHead": [lambda: heads.BoxesHead(2, (16, 16), channels=5)],
    "CountHead": [
        lambda: heads.CountHead(2, top=0.5, prior=(0.4, -0.5)),
        lambda: heads.CountHead(1),
    ],
    "DensityHead": [
        lambda: heads.DensityHead(2, channels=5, prior=(0.4, -0.5)),
        lambda: heads.DensityHead(1, channels=5),
    ],
    "ForecastHead": [
        lambda: heads.ForecastHead(2, 2, (1, -1, 0), hidden=5, zero=(-1.0, 0.0, 2.0)),
        lambda: heads.ForecastHead(2, 2, (1, -1, 0), hidden=0),
    ],
    "LinearHead": [lambda: heads.LinearHead(3, prior=(0.5, 0.0, -0.5))],
    "OrderedHead": [
        lambda: heads.OrderedHead(3, prior=(-0.5, 0.0, 0.25)),
        lambda: heads.OrderedHead(4, shared_gaps=True),
        lambda: heads.OrderedHead(1),
        lambda: heads.OrderedHead(3, middle=0),
    ],
    "PairHead": [lambda: heads.PairHead(3), lambda: heads.PairHead(3, 0.1, bias=-10.0)],
    "TagHead": [lambda: heads.TagHead(3, places=4, chain=True, prior=(0.5, 0.0, -0.5))],
    "UNetHead": [lambda: heads.UNetHead(3, channels=5, prior=(0.5, 0.0, -0.5))],
}
EVERY = {f"{name} {i}": make for name, cases in CASES.items() for i, make in enumerate(cases)}


def maps_of(tokens, mask):
    """Of 2 x 2 and 4 x 4 positions, and of what is valid alone."""
    valid = ops.where(ops.expand_dims(mask, -1), tokens, ops.zeros_like(tokens))
    coarse = ops.reshape(valid, (-1, 2, 2, 6))
    return [coarse, ops.repeat(ops.repeat(coarse, 2, axis=1), 2, axis=2)]


def steps_of(tokens, mask):
    """Two variables' values, all known, and the time since the last one; and tokens of these steps."""
    valid = ops.where(ops.expand_dims(mask, -1), tokens, ops.zeros_like(tokens))
    values, since = valid[..., :2], valid[..., 4:]
    return {
        "values": ops.concatenate([values, ops.ones_like(values), since], axis=-1),
        "lengths": ops.sum(ops.cast(mask, "int32"), axis=1),
        "tokens": tokens,
        "mask": mask,
    }


def sides_of(tokens, mask):
    """One feature's tokens, and another's, of rows that have both."""
    side = {"mask": mask, "present": mask[:, 0]}
    return [{"tokens": tokens, **side}, {"tokens": ops.flip(tokens, axis=-1), **side}]


# What the head reads of a feature, made of the tokens and mask that it reads anyway.
PARTS = {
    "BoxesHead": maps_of,
    "DensityHead": maps_of,
    "ForecastHead": steps_of,
    "PairHead": sides_of,
    "TagHead": lambda tokens, mask: {"tokens": tokens, "mask": mask},
    "UNetHead": maps_of,
}
every_head = pytest.mark.parametrize("make", EVERY.values(), ids=EVERY, scope="module")


def test_cases_are_all_public_heads():
    assert set(CASES) == {
        name
        for name in heads.__all__
        if inspect.isclass(cls := getattr(heads, name))
        and issubclass(cls, heads.Head)
        and not inspect.isabstract(cls)
    }
    for name, cases in CASES.items():
        assert {type(make()).__name__ for make in cases} == {name}


def rows_of(batch=5):
    draw = np.random.default_rng(0)
    tokens = draw.normal(size=(batch, 4, 6)).astype("float32")
    return tokens, np.arange(4) < draw.integers(1, 5, (batch, 1))


def asked(head, tokens, mask, **how):
    parts = PARTS.get(type(head).__name__)
    return (
        head(tokens, mask, **how)
        if parts is None
        else head(tokens, mask, of=parts(tokens, mask), **how)
    )


class Asked(keras.layers.Layer):
    """A head, and the making of what it reads of a feature, as one layer."""

    def __init__(self, head):
        super().__init__()
        self.head = head

    def call(self, tokens, mask):
        return asked(self.head, tokens, mask, training=False)


@cache
def ready(make):
    """What several tests ask, and none changes."""
    return built(Asked(make()), *rows_of())


def logits(make, tokens, mask):
    return ops.convert_to_numpy(called(ready(make), tokens, mask))


@pytest.mark.backends
@every_head
@pytest.mark.parametrize("padding", [1e30, np.nan])
def test_padded_tokens_change_no_bit(make, padding):
    tokens, mask = rows_of()
    filled = np.where(mask[..., None], tokens, np.float32(padding))
    np.testing.assert_array_equal(logits(make, filled, mask), logits(make, tokens, mask))


@every_head
def test_rows_do_not_see_each_other(make):
    tokens, mask = rows_of()
    np.testing.assert_allclose(
        logits(make, tokens[:1], mask[:1]),
        logits(make, tokens, mask)[:1],
        rtol=1e-5,
        atol=1e-5,
    )


@every_head
def test_logits_are_float32_under_mixed_precision(make):
    tokens, mask = rows_of()
    half = type(make()).from_config({**make().get_config(), "dtype": "mixed_bfloat16"})
    given = called(built(Asked(half), tokens, mask), tokens, mask)
    assert keras.backend.standardize_dtype(given.dtype) == "float32"
    assert np.isfinite(ops.convert_to_numpy(given)).all()


@pytest.mark.backends
@every_head
def test_one_step_moves_every_variable_and_it_is_saved(make, tmp_path):
    keras.utils.set_random_seed(0)
    tokens, mask = keras.Input((4, 6)), keras.Input((4,), dtype="bool")
    head = make()
    model = keras.Model([tokens, mask], asked(head, tokens, mask))
    model.compile(keras.optimizers.SGD(0.1), loss="mse")
    before = model.get_weights()
    rows = list(rows_of())
    model.fit(rows, np.ones((5, *model.output_shape[1:]), "float32"), batch_size=5, verbose=0)
    for variable, old in zip(model.weights, before, strict=True):
        if variable.trainable:
            assert np.abs(ops.convert_to_numpy(variable) - old).max() > 0, variable.path
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(
        again.predict_on_batch(rows), model.predict_on_batch(rows), atol=1e-6
    )


@every_head
def test_constructor_arguments_are_the_configuration(make):
    head = make()
    config = head.get_config()
    assert set(inspect.signature(type(head)).parameters) - {"kwargs"} <= set(config)
    assert type(head).from_config(config).get_config() == config
