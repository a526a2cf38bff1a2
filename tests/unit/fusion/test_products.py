"""Each fusion that multiplies, against its formula in NumPy, for two features and for more."""

from itertools import combinations

import numpy as np
import pytest
from keras import ops

from plait import fusion
from plait.errors import ConfigError
from tests.programs import built, called

SIZES = {"c": 4, "a": 2, "b": 3}


def names_of(count):
    return list(SIZES)[-count:]


def rows_of(count, batch=5):
    """Vectors of so many features, in the order of their names, and the fusion's arguments."""
    draw = np.random.default_rng(count)
    names = names_of(count)
    vectors = {name: draw.normal(size=(batch, SIZES[name])) for name in names}
    return [vectors[name] for name in sorted(names)], {
        "tokens": {name: vector[:, None].astype("float32") for name, vector in vectors.items()},
        "masks": {name: np.ones((batch, 1), bool) for name in names},
        "presence": {name: np.ones(batch, bool) for name in names},
    }


def moved(layer, rows):
    """The fused token, after all weights have moved away from where they begin."""
    built(layer, **rows)
    draw = np.random.default_rng(9)
    for variable in layer.trainable_variables:
        value = ops.convert_to_numpy(variable)
        variable.assign(value + draw.normal(size=value.shape))
    return ops.convert_to_numpy(called(layer, **rows)["tokens"])[:, 0]


def of(dense):
    """The function that a Dense without its activation is."""
    kernel = ops.convert_to_numpy(dense.kernel).astype("float64")
    bias = ops.convert_to_numpy(dense.bias).astype("float64") if dense.use_bias else 0.0
    return lambda x: x @ kernel + bias


def projected(layer, vectors):
    dense = [of(layer.projections[name]) for name in sorted(layer.projections)]
    return [one(vector) for one, vector in zip(dense, vectors, strict=True)]


def pairs(factors):
    return sum(a * b for a, b in combinations(factors, 2)) if len(factors) > 1 else factors[0]


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def rooted(z):
    z = np.sign(z) * np.sqrt(np.abs(z))
    return z / np.sqrt((z**2).sum(-1, keepdims=True))


def product(layer, vectors):
    return np.prod(projected(layer, vectors), axis=0)


def gated(layer, vectors):
    candidates = np.tanh(projected(layer, vectors))
    if layer.gates is None:
        return candidates[0]
    gates = of(layer.gates)(np.concatenate(vectors, -1)).reshape(5, len(vectors), 6)
    gates = gates.transpose(1, 0, 2)
    gates = sigmoid(gates) if layer.gate == "sigmoid" else np.exp(gates) / np.exp(gates).sum(0)
    return (gates * candidates).sum(0)


def film(layer, vectors):
    names = sorted(names_of(len(vectors)))
    found = []
    for name, projection in layer.projections.items():
        place = names.index(name)
        own = of(projection)(vectors[place])
        others = [v for n, v in enumerate(vectors) if n != place]
        if others:
            told = of(layer.modulations[name])(np.concatenate(others, -1))
            own = (1 + told[:, :6]) * own + told[:, 6:]
        found.append(own)
    return np.mean(found, axis=0)


def multiplicative(layer, vectors):
    found = of(layer.linear)(np.concatenate(vectors, -1))
    if layer.narrow is not None:
        vectors = [of(dense)(v) for dense, v in zip(layer.narrow, vectors, strict=True)]
    for i, j in combinations(range(len(vectors)), 2):
        kernel = ops.convert_to_numpy(layer.products[f"{i}_{j}"].kernel)
        kernel = kernel.reshape(vectors[i].shape[1], 6, vectors[j].shape[1])
        found = found + np.einsum("bi,iwj,bj->bw", vectors[i], kernel, vectors[j])
    return found


def mlb(layer, vectors):
    return of(layer.joined)(pairs([np.tanh(p) for p in projected(layer, vectors)]))


def mfb(layer, vectors):
    pooled = pairs(projected(layer, vectors)).reshape(5, layer.size, layer.pool).sum(-1)
    return of(layer.joined)(rooted(pooled))


def mutan(layer, vectors):
    inner = [np.tanh(p) for p in projected(layer, vectors)]
    found = 0
    core = [ops.convert_to_numpy(one.kernel) for one in layer.core]
    core = [one.reshape(layer.inner, layer.rank, -1) for one in core]
    for r in range(layer.rank):
        found = found + pairs([p @ one[:, r] for p, one in zip(inner, core, strict=True)])
    return of(layer.joined)(found)


def mcb(layer, vectors):
    sketches = [ops.convert_to_numpy(layer.sketches[name]) for name in sorted(layer.sketches)]
    sketched = [v @ sketch for v, sketch in zip(vectors, sketches, strict=True)]
    found = np.zeros((5, layer.size))
    for a, b in combinations(sketched, 2):
        for i in range(layer.size):
            found[:, i] += sum(a[:, k] * b[:, (i - k) % layer.size] for k in range(layer.size))
    return of(layer.joined)(rooted(found if len(vectors) > 1 else sketched[0]))


def tensor(layer, vectors):
    found = np.ones((5, 1))
    for one in projected(layer, vectors):
        found = np.einsum("bi,bj->bij", found, np.c_[np.ones(5), one]).reshape(5, -1)
    return of(layer.joined)(found)


def low_rank(layer, vectors):
    each = [p.reshape(5, layer.rank, 6) for p in projected(layer, vectors)]
    shares, bias = (ops.convert_to_numpy(v) for v in (layer.shares, layer.bias))
    return np.einsum("r,brw->bw", shares, np.prod(each, axis=0)) + bias


def weighted(layer, vectors):
    each = projected(layer, vectors)
    if layer.scores is None:
        return each[0]
    sized = [v / np.sqrt((v * v).mean(-1, keepdims=True)) for v in vectors]
    logits = [of(layer.scores[n])(v) for n, v in zip(sorted(layer.scores), sized, strict=True)]
    shares = np.exp(logits) / np.exp(logits).sum(0)
    return (shares * each).sum(0)


FORMULAS = {
    "Product": (fusion.Product, {}, product),
    "Gated": (fusion.Gated, {}, gated),
    "Gated, sigmoid": (fusion.Gated, {"gate": "sigmoid"}, gated),
    "FiLM": (fusion.FiLM, {}, film),
    "FiLM, of one": (fusion.FiLM, {"of": "b"}, film),
    "MultiplicativeInteraction": (fusion.MultiplicativeInteraction, {"inner": 4}, multiplicative),
    "as they are": (fusion.MultiplicativeInteraction, {"inner": None}, multiplicative),
    "MLB": (fusion.MLB, {"rank": 7}, mlb),
    "MFB": (fusion.MFB, {"size": 4, "pool": 3}, mfb),
    "MUTAN": (fusion.MUTAN, {"inner": 4, "rank": 3}, mutan),
    "MCB": (fusion.MCB, {"size": 9}, mcb),
    "TensorFusion": (fusion.TensorFusion, {"inner": 2}, tensor),
    "LowRankTensorFusion": (fusion.LowRankTensorFusion, {"rank": 3}, low_rank),
    "Weighted, per row": (fusion.Weighted, {"per_row": True}, weighted),
}


@pytest.mark.parametrize("features", [1, 2, 3])
@pytest.mark.parametrize(("cls", "given", "formula"), FORMULAS.values(), ids=FORMULAS)
def test_it_is_its_formula(cls, given, formula, features):
    vectors, rows = rows_of(features)
    layer = cls(width=6, **given)
    found = moved(layer, rows)
    # The root's slope at 0 is cut off, by .001 of it.
    rooted_too = cls in (fusion.MFB, fusion.MCB)
    near = {"rtol": 2e-2, "atol": 2e-3} if rooted_too else {"rtol": 1e-4, "atol": 1e-4}
    np.testing.assert_allclose(found, formula(layer, vectors), **near)


def test_of_two_features_the_gates_of_a_channel_are_z_and_1_minus_z():
    _, rows = rows_of(2)
    layer = fusion.Gated(width=6)
    moved(layer, rows)
    kernel, bias = layer.gates.weights
    difference = ops.concatenate([kernel[:, :6] - kernel[:, 6:], kernel[:, 6:] * 0], axis=-1)
    before = ops.convert_to_numpy(layer(**rows)["tokens"])
    bias.assign(ops.concatenate([bias[:6] - bias[6:], ops.zeros(6)]))
    kernel.assign(difference)
    np.testing.assert_allclose(ops.convert_to_numpy(layer(**rows)["tokens"]), before, atol=1e-5)


def test_products_that_are_too_many_are_refused():
    rows = rows_of(3)[1]
    with pytest.raises(ConfigError, match=r"3 features of 99 numbers .* 1,000,000 products"):
        fusion.TensorFusion(inner=99)(**rows)
    layer = fusion.TensorFusion(width=6)
    layer(**rows)
    assert layer.units == 15
    many = {f"f{n}": np.ones((2, 1, 3), "float32") for n in range(13)}
    ones = {name: np.ones((2, 1), bool) for name in many}
    here = {name: np.ones(2, bool) for name in many}
    layer = fusion.TensorFusion(width=6)
    layer(tokens=many, masks=ones, presence=here)
    assert layer.units == 1


def test_a_feature_that_is_not_there_is_not_modulated():
    with pytest.raises(ConfigError, match=r"no feature 'sound' .* There is: a, b, c"):
        fusion.FiLM(of="sound")(**rows_of(3)[1])


@pytest.mark.parametrize(
    ("cls", "wrong"),
    [
        (fusion.Gated, {"gate": "relu"}),
        (fusion.MLB, {"rank": 0}),
        (fusion.MFB, {"pool": 0}),
        (fusion.MUTAN, {"rank": 1.5}),
        (fusion.MCB, {"size": 1}),
        (fusion.MCB, {"seed": -1}),
        (fusion.TensorFusion, {"inner": 0}),
        (fusion.LowRankTensorFusion, {"rank": True}),
        (fusion.MultiplicativeInteraction, {"inner": -3}),
        (fusion.Weighted, {"per_row": 1}),
    ],
)
def test_what_cannot_be_is_refused_at_once(cls, wrong):
    with pytest.raises(ConfigError, match=f"{cls.__name__}: {next(iter(wrong))} is"):
        cls(**wrong)
