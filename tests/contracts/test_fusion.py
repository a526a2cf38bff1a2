"""What every fusion promises, run over every public one."""

import inspect
from functools import cache, partial

import keras
import numpy as np
import pytest
from keras import ops
from tests.programs import built, called

from plait import fusion
from plait.fusion._pooled_fusion import Pooling
from plait.inference import AbsentToken

CASES = {
    "Concat": fusion.Concat,
    "CrossAttention": partial(fusion.CrossAttention, heads=5, layers=2, self_layers=0),
    "CrossAttention, deep": partial(fusion.CrossAttention, heads=5, fuse_at=1),
    "FiLM": fusion.FiLM,
    "FiLM, of one": partial(fusion.FiLM, of="photo"),
    "Gated": fusion.Gated,
    "Gated, sigmoid": partial(fusion.Gated, gate="sigmoid"),
    "Late": fusion.Late,
    "Late, product": partial(fusion.Late, product=True),
    "Latents": partial(fusion.Latents, count=3, heads=5),
    "Latents, deep": partial(fusion.Latents, count=3, heads=5, fuse_at=1),
    "LowRankTensorFusion": partial(fusion.LowRankTensorFusion, rank=3),
    "Max": fusion.Max,
    "MBT": partial(fusion.MBT, bottleneck=2, heads=5),
    "MBT, deep": partial(fusion.MBT, bottleneck=2, heads=5, fuse_at=1),
    "MCB": partial(fusion.MCB, size=32),
    "Mean": fusion.Mean,
    "MFB": partial(fusion.MFB, size=12, pool=2),
    "MLB": partial(fusion.MLB, rank=12),
    "MultiplicativeInteraction": partial(fusion.MultiplicativeInteraction, inner=4),
    "MultiplicativeInteraction, as they are": partial(fusion.MultiplicativeInteraction, inner=None),
    "MUTAN": partial(fusion.MUTAN, inner=7, rank=2),
    "Product": fusion.Product,
    "ShaSpec": fusion.ShaSpec,
    "SubsetExperts": fusion.SubsetExperts,
    "SubsetExperts, of two": partial(fusion.SubsetExperts, together=2, hidden=3),
    "Sum": fusion.Sum,
    "TensorFusion": partial(fusion.TensorFusion, inner=3),
    "Weighted": fusion.Weighted,
    "Weighted, per row": partial(fusion.Weighted, per_row=True),
}
# All tests of one fusion follow each other, on the same compiled programs.
every_fusion = pytest.mark.parametrize("cls", CASES.values(), ids=CASES, scope="module")
WIDTH = 5
SHAPES = {"text": (4, 6), "photo": (4, 6), "age": (1, 3)}


def test_cases_are_all_public_fusions():
    assert {name.split(",")[0] for name in CASES} == {
        name for name in fusion.__all__ if not inspect.isabstract(getattr(fusion, name))
    }


def rows_of(batch=6, names=tuple(SHAPES), seed=0):
    """Tokens, masks and presence, as the arguments of a fusion."""
    draw = np.random.default_rng(seed)
    tokens, masks, presence = {}, {}, {}
    for name in names:
        count, width = SHAPES[name]
        tokens[name] = draw.normal(size=(batch, count, width)).astype("float32")
        masks[name] = np.arange(count) < draw.integers(1, count + 1, (batch, 1))
        presence[name] = np.ones(batch, bool)
    return {"tokens": tokens, "masks": masks, "presence": presence}


def fused(layer, rows):
    return ops.convert_to_numpy(called(layer, **rows)["tokens"])


def move(layer):
    """Each variable from where it started."""
    draw = np.random.default_rng(1)
    for variable in layer.variables:
        value = ops.convert_to_numpy(variable)
        variable.assign(value + draw.normal(size=value.shape).astype("float32"))
    return layer


def moved(cls, names):
    keras.utils.set_random_seed(0)
    return move(built(cls(width=WIDTH), **rows_of(names=names)))


@cache
def made(cls):
    """A layer whose every variable has moved, a compiled model of it, and its weights before.

    What several tests read: whoever changes the weights puts the moved ones back.
    """
    keras.utils.set_random_seed(0)
    layer = cls(width=WIDTH)
    model = model_of(layer, filled=True)
    model.compile(keras.optimizers.SGD(0.1), loss="mse")
    start = values_of(model)
    return move(layer), model, start


def trained(cls):
    return made(cls)[0]


def values_of(model):
    return [value.copy() for value in model.get_weights()]


@cache
def absent(name):
    keras.utils.set_random_seed(4)
    rows = rows_of()
    given = (rows[part][name] for part in ("presence", "tokens", "masks"))
    return built(AbsentToken(), *given)


def model_of(layer, **told):
    inputs = {
        "tokens": {n: keras.Input(s, name=f"{n}_tokens") for n, s in SHAPES.items()},
        "masks": {n: keras.Input(s[:1], dtype="bool", name=f"{n}_mask") for n, s in SHAPES.items()},
        "presence": {n: keras.Input((), dtype="bool", name=f"{n}_present") for n in SHAPES},
    }
    return keras.Model(inputs, layer(**inputs, **told)["tokens"])


@every_fusion
def test_gives_tokens_of_its_width_and_which_are_valid(cls):
    rows, layer = rows_of(), trained(cls)
    given = called(layer, **rows)
    each = isinstance(
        layer, fusion.Late
    )  # One for each feature, of which those count that are there.
    one = isinstance(layer, Pooling) and not each
    tokens = len(SHAPES) if each else 1 if one else given["mask"].shape[1]
    assert tuple(given["tokens"].shape) == (6, tokens, WIDTH)
    mask = ops.convert_to_numpy(given["mask"])
    assert mask.shape == (6, tokens)
    assert mask.any(axis=1).all()
    if not isinstance(layer, Pooling | fusion.Latents):
        ours = np.concatenate([rows["masks"][name] for name in sorted(SHAPES)], axis=1)
        np.testing.assert_array_equal(mask[:, -ours.shape[1] :], ours)


@every_fusion
def test_one_feature_alone(cls):
    rows = rows_of(names=("photo",))
    given = fused(moved(cls, ("photo",)), rows)
    assert np.isfinite(given).all()
    assert np.ptp(given, axis=0).min() > 0


@every_fusion
@pytest.mark.parametrize("padding", [1e30, pytest.param(np.nan, marks=pytest.mark.backends)])
def test_padded_tokens_change_no_bit(cls, padding):
    rows, layer = rows_of(), trained(cls)
    filled = {
        name: np.where(rows["masks"][name][..., None], tokens, np.float32(padding))
        for name, tokens in rows["tokens"].items()
    }
    np.testing.assert_array_equal(fused(layer, rows), fused(layer, {**rows, "tokens": filled}))


@pytest.mark.backends
@every_fusion
@pytest.mark.parametrize("filled", [False, True], ids=["bare", "behind absent tokens"])
def test_a_placeholder_changes_no_bit_and_a_row_of_nothing_is_finite(cls, filled):
    rows, layer = rows_of(), trained(cls)
    # The text is absent in three rows, and in the first of them all else is, too.
    there = {name: np.arange(6) >= (3 if name == "text" else 1) for name in SHAPES}
    given = []
    for placeholder in (0.0, 7.0, np.nan):
        seen = {"tokens": {}, "masks": dict(rows["masks"]), "presence": there}
        for name, tokens in rows["tokens"].items():
            values = np.where(there[name][:, None, None], tokens, np.float32(placeholder))
            seen["tokens"][name] = values
            if filled:
                stands = called(absent(name), there[name], values, rows["masks"][name])
                seen["tokens"][name], seen["masks"][name] = stands["tokens"], stands["mask"]
            else:
                # Not even by which of its tokens a mask calls valid.
                mask = np.where(there[name][:, None], rows["masks"][name], placeholder == 7)
                seen["masks"][name] = mask
        given.append(fused(layer, {**seen, "filled": True} if filled else seen))
    np.testing.assert_array_equal(given[0], given[1])
    np.testing.assert_array_equal(given[0], given[2])
    np.testing.assert_array_equal(given[0][3:], fused(layer, rows)[3:])
    assert np.isfinite(given[0]).all()
    assert np.abs(given[0][1:3] - fused(layer, rows)[1:3]).max() > 0


@every_fusion
def test_rows_do_not_see_each_other(cls):
    rows, layer = rows_of(), trained(cls)
    others = rows_of(seed=1)
    for part, named in others.items():
        for name, values in named.items():
            values[:1] = rows[part][name][:1]
    np.testing.assert_array_equal(fused(layer, others)[:1], fused(layer, rows)[:1])


@every_fusion
def test_declared_order_changes_nothing(cls):
    turned = {part: dict(reversed(named.items())) for part, named in rows_of().items()}
    other = moved(cls, tuple(reversed(SHAPES)))
    np.testing.assert_array_equal(fused(other, turned), fused(trained(cls), rows_of()))


@every_fusion
def test_one_step_moves_every_variable(cls):
    _, model, start = made(cls)
    before = values_of(model)
    model.set_weights(start)
    labels = np.arange(30.0, dtype="float32").reshape(6, 1, 5)
    model.fit(rows_of(), labels, batch_size=6, verbose=0)
    after = values_of(model)
    model.set_weights(before)
    for variable, old, new in zip(model.weights, start, after, strict=True):
        assert not variable.trainable or np.abs(new - old).max() > 0, variable.path


@pytest.mark.backends
@every_fusion
def test_saved_and_loaded_it_gives_the_same(cls, tmp_path):
    rows = rows_of()
    # Tokens that stand for what is absent, which count.
    rows["presence"]["text"][:2] = False
    layer = trained(cls)
    made(cls)[1].save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras", compile=False)
    bare, filled = fused(layer, rows), fused(layer, {**rows, "filled": True})
    answered = ops.convert_to_numpy(called(again, rows))
    np.testing.assert_allclose(answered, filled, atol=1e-6)
    # `ShaSpec` puts the other features in the place of what is absent.
    if not isinstance(layer, fusion.ShaSpec):
        assert np.abs(bare[:2] - filled[:2]).max() > 0
    assert again.get_layer(layer.name).get_config() == layer.get_config()


@every_fusion
def test_constructor_arguments_are_the_configuration(cls):
    layer = cls(width=10)
    assert set(inspect.signature(type(layer)).parameters) - {"kwargs"} <= set(layer.get_config())
    assert type(layer).from_config(layer.get_config()).get_config() == layer.get_config()


@every_fusion
def test_mixed_precision_stays_near(cls):
    rows = rows_of()
    full = trained(cls)
    half = built(cls(width=WIDTH, dtype="mixed_bfloat16"), **rows)
    for theirs, ours in zip(full.variables, half.variables, strict=True):
        ours.assign(theirs)
    given = called(half, **rows)["tokens"]
    assert keras.backend.standardize_dtype(given.dtype) == "bfloat16"
    expected = fused(full, rows)
    # What is added up to a small number is rounded by its large terms.
    near = max(0.25, 0.03 * np.abs(expected).max())
    np.testing.assert_allclose(
        ops.convert_to_numpy(ops.cast(given, "float32")), expected, atol=near, rtol=0.05
    )
