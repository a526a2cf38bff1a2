"""Each fusion by attention, against its formula in NumPy."""

from math import erf

import numpy as np
import pytest
from keras import ops

from plait import fusion
from plait.errors import ConfigError
from tests.programs import built, called

SHAPES = {"b": (3, 4), "a": (2, 5), "c": (1, 3)}
WIDTH, HEADS = 6, 2


def rows_of(*names):
    draw = np.random.default_rng(len(names))
    tokens = {name: draw.normal(size=(4, *SHAPES[name])).astype("float32") for name in names}
    return {
        "tokens": tokens,
        "masks": {
            name: np.arange(SHAPES[name][0]) < draw.integers(1, SHAPES[name][0] + 1, (4, 1))
            for name in names
        },
        "presence": {name: np.ones(4, bool) for name in names},
    }


def moved(layer, rows):
    """The fused tokens, after all weights have moved away from where they begin."""
    built(layer, **rows)
    draw = np.random.default_rng(9)
    for variable in layer.trainable_variables:
        value = ops.convert_to_numpy(variable)
        variable.assign(value + 0.3 * draw.normal(size=value.shape))
    given = called(layer, **rows)
    return ops.convert_to_numpy(given["tokens"]), ops.convert_to_numpy(given["mask"])


def dense(layer, x):
    found = x @ ops.convert_to_numpy(layer.kernel).astype("float64")
    return found + ops.convert_to_numpy(layer.bias) if layer.use_bias else found


def norm(layer, x):
    gamma, beta = (ops.convert_to_numpy(v) for v in (layer.gamma, layer.beta))
    centred = x - x.mean(-1, keepdims=True)
    return centred / np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-5) * gamma + beta


def block(layer, x, valid, at=None):
    """x + attention(norm(x), norm(at)), then x + W_2 gelu(W_1 norm(x))."""
    own = norm(layer.norm, x)
    other = own if at is None else norm(layer.norm, at)
    value = dense(layer.value, other)
    if layer.chooses:
        query, key = dense(layer.query, own), dense(layer.key, other)
        parts = []
        for head in np.split(np.arange(WIDTH), HEADS):
            scores = query[..., head] @ key[..., head].swapaxes(1, 2) / np.sqrt(len(head))
            scores = np.where(valid[:, None, :], scores, -np.inf)
            shares = np.exp(scores - scores.max(-1, keepdims=True))
            parts.append(shares / shares.sum(-1, keepdims=True) @ value[..., head])
        found = np.concatenate(parts, -1)
    else:
        found = np.broadcast_to(value, x.shape)
    x = x + dense(layer.joined, found)
    rise = dense(layer.rise, norm(layer.second_norm, x))
    return x + dense(layer.fall, rise * (1 + np.vectorize(erf)(rise / np.sqrt(2))) / 2)


def entered(layer, rows):
    names = sorted(rows["tokens"])
    valid = [rows["masks"][name] for name in names]
    each = [np.where(m[..., None], rows["tokens"][n], 0) for n, m in zip(names, valid, strict=True)]
    return [dense(layer.entries[n], x) for n, x in zip(names, each, strict=True)], valid


def mbt(layer, rows):
    each, valid = entered(layer, rows)
    start = ops.convert_to_numpy(layer.start)
    shared = np.broadcast_to(start, (4, *start.shape))
    always = np.ones(shared.shape[:2], bool)
    for blocks in layer.blocks:
        made = [
            block(one, np.concatenate([shared, x], 1), np.concatenate([always, m], 1))
            for one, x, m in zip(blocks, each, valid, strict=True)
        ]
        each = [x[:, len(start) :] for x in made]
        shared = np.mean([x[:, : len(start)] for x in made], axis=0)
    return np.concatenate([shared, *each], 1), np.concatenate([always, *valid], 1)


def latents(layer, rows):
    each, valid = entered(layer, rows)
    start = ops.convert_to_numpy(layer.start)
    x = np.broadcast_to(start, (4, *start.shape))
    always = np.ones(x.shape[:2], bool)
    x = block(layer.look, x, np.concatenate(valid, 1), np.concatenate(each, 1))
    for one in layer.blocks:
        x = block(one, x, always)
    return norm(layer.last, x), always


def cross_attention(layer, rows):
    each, valid = entered(layer, rows)
    found = []
    for to, own in enumerate(each):
        parts = []
        for other in range(len(each)):
            x = own
            for one in layer.across.get(f"{to}_{other}", []):
                x = block(one, x, valid[other], each[other])
            parts += [x] if other != to else []
        x = own
        if parts:
            x = dense(layer.joined[to], np.concatenate(parts, -1)) if parts[1:] else parts[0]
        for one in layer.within[to]:
            x = block(one, x, valid[to])
        found.append(x)
    return np.concatenate(found, 1), np.concatenate(valid, 1)


@pytest.mark.parametrize("names", ["b", "ba", "bac"])
@pytest.mark.parametrize(
    ("cls", "given", "formula"),
    [
        (fusion.MBT, {"bottleneck": 2, "layers": 2}, mbt),
        (fusion.Latents, {"count": 3, "layers": 1}, latents),
        (fusion.Latents, {"count": 1, "layers": 2}, latents),
        (fusion.CrossAttention, {"layers": 2}, cross_attention),
    ],
)
def test_it_is_its_formula(cls, given, formula, names):
    rows = rows_of(*names)
    layer = cls(width=WIDTH, heads=HEADS, hidden=5, **given)
    found, mask = moved(layer, rows)
    expected, valid = formula(layer, rows)
    np.testing.assert_array_equal(mask, valid)
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4)


def test_features_exchange_through_the_bottleneck_alone():
    """In the first layer b does not see a; what b's tokens are in the second depends on it."""
    rows = rows_of("a", "b")
    other = {**rows, "tokens": {**rows["tokens"], "a": rows["tokens"]["a"] + 1}}
    for layers, sees in ((1, False), (2, True)):
        layer = fusion.MBT(width=WIDTH, heads=HEADS, bottleneck=2, layers=layers)
        before = moved(layer, rows)[0]
        after = ops.convert_to_numpy(layer(**other)["tokens"])
        same = np.isclose(before, after, atol=1e-6).all(axis=(0, 2))
        assert not same[:2].any()
        assert same[-3:].all() == (not sees)


def test_one_token_that_is_looked_at_needs_nothing_to_choose_by():
    layer = fusion.CrossAttention(width=WIDTH, heads=HEADS)
    layer(**rows_of("a", "c"))
    assert not layer.across["0_1"][0].chooses
    assert layer.across["1_0"][0].chooses


@pytest.mark.parametrize(
    ("cls", "wrong"),
    [
        (fusion.MBT, {"bottleneck": 0}),
        (fusion.MBT, {"layers": 0}),
        (fusion.Latents, {"count": 0}),
        (fusion.Latents, {"layers": -1}),
        (fusion.CrossAttention, {"self_layers": 0.5}),
        (fusion.MBT, {"hidden": 0}),
        (fusion.MBT, {"dropout": 1}),
        (fusion.SubsetExperts, {"together": 0}),
        (fusion.SubsetExperts, {"hidden": 0}),
    ],
)
def test_what_cannot_be_is_refused_at_once(cls, wrong):
    with pytest.raises(ConfigError, match=f"{cls.__name__}: {next(iter(wrong))} is"):
        cls(**wrong)


def test_heads_part_the_width():
    with pytest.raises(ConfigError, match=r"MBT: heads part the width evenly. .* width=6, heads=4"):
        fusion.MBT(width=6)
