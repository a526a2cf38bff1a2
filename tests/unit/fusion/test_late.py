import keras
import numpy as np
import pytest
from keras import ops

from plait import fusion
from plait.heads import LinearHead
from plait.sharing import HardSharing
from tests.programs import built, called, program

DRAW = np.random.default_rng(0)
VECTORS = {name: DRAW.normal(size=(4, 3)).astype("float32") for name in "abc"}
HERE = {
    "a": np.array([1, 1, 0, 0], bool),
    "b": np.array([1, 0, 0, 0], bool),
    "c": np.array([1, 1, 1, 0], bool),
}
ROWS = {
    "tokens": {name: vector[:, None] for name, vector in VECTORS.items()},
    "masks": {name: np.ones((4, 1), bool) for name in VECTORS},
    "presence": HERE,
}


def array(tensor):
    return ops.convert_to_numpy(tensor)


def fused(layer, **arguments):
    return called(built(layer, **ROWS), **ROWS, filled=True, **arguments)


def answers(layer, trunk):
    """The logits of all features together, and those of each alone, without the head's bias."""
    head = LinearHead(2, prior=[1.0, -2.0])
    given = fused(layer)

    def answer(tokens, mask):
        return head(trunk(tokens, mask, training=False), mask)

    one = np.ones((4, 1), bool)
    projected = array(program(layer.projected)(VECTORS))
    # Builds both.
    answer(*(keras.KerasTensor(x.shape, str(x.dtype)) for x in (projected[:, :1], one)))
    answered = program(answer)
    whole = array(answered(given["tokens"], given["mask"]))
    alone = [array(answered(projected[:, n : n + 1], one)) for n in range(3)]
    return whole - [1.0, -2.0], np.stack(alone) - [1.0, -2.0]


def test_the_answer_is_the_mean_of_those_to_each_feature_alone():
    whole, alone = answers(fusion.Late(width=6), HardSharing(blocks=2))
    for row, which in enumerate(([0, 1, 2], [0, 2], [2], [0, 1, 2])):
        np.testing.assert_allclose(whole[row], alone[which, row].mean(0), rtol=1e-4, atol=1e-5)


def test_a_product_of_experts_is_the_sum_of_their_logits_by_learnt_powers():
    layer = built(fusion.Late(width=6, product=True), **ROWS)
    np.testing.assert_allclose(array(ops.softplus(layer.powers)), 1 / 3, rtol=1e-5)
    layer.powers.assign([0.5, -1.0, 2.0])
    powers = np.log1p(np.exp([0.5, -1.0, 2.0]))
    whole, alone = answers(layer, HardSharing(blocks=0))
    for row, which in enumerate(([0, 1, 2], [0, 2], [2], [0, 1, 2])):
        expected = (powers[which, None] * alone[which, row]).sum(0)
        np.testing.assert_allclose(whole[row], expected, rtol=1e-4, atol=1e-5)


def test_shaspec():
    layer = fusion.ShaSpec(width=6)
    given = array(fused(layer)["tokens"])[:, 0]

    def dense(layer, x):
        return x @ array(layer.kernel) + array(layer.bias)

    gelued = program(keras.activations.gelu)

    def gelu(x):
        return array(gelued(x))

    x = {name: dense(layer.projections[name], VECTORS[name]) for name in VECTORS}
    common = {name: gelu(dense(layer.shared, x[name])) for name in x}
    own = {name: gelu(dense(layer.specific[n], x[name])) for n, name in enumerate(x)}
    for row in range(4):
        there = [name for name in x if HERE[name][row]] or list(x)
        parts = []
        for name in x:
            if HERE[name][row]:
                both = np.concatenate([common[name][row], own[name][row]])
                parts.append(common[name][row] + dense(layer.added, both))
            else:
                parts.append(np.mean([common[other][row] for other in there], axis=0))
        expected = dense(layer.joined, np.concatenate(parts))
        np.testing.assert_allclose(given[row], expected, rtol=1e-3, atol=1e-4)


def losses_of(layer, training=True):
    built(layer, **ROWS)

    @program
    def losses():
        layer(**ROWS, filled=True, training=training)
        return layer.losses

    return [float(array(loss)) for loss in losses()]


def test_the_losses_of_shaspec_are_of_the_features_that_rows_have():
    layer = fusion.ShaSpec(width=6, alignment=1.0, specificity=1.0)
    assert losses_of(layer, training=False) == []
    near, told = losses_of(layer)
    found = array(program(layer.projected)(VECTORS))
    common = array(program(layer.shared)(found))
    # Row 0 has all three pairs, row 1 a and c.
    pairs = [(0, 0, 1), (0, 0, 2), (0, 1, 2), (1, 0, 2)]
    expected = np.mean([np.abs(common[r, i] - common[r, j]).mean() for r, i, j in pairs])
    np.testing.assert_allclose(near, expected, rtol=1e-4)
    losses = []
    for n, name in enumerate(VECTORS):
        logits = array(program(lambda x, n=n: layer.tells(layer.specific[n](x)))(found[:, n]))
        logp = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
        losses += [-logp[row, n] for row in range(4) if HERE[name][row]]
    np.testing.assert_allclose(told, np.mean(losses), rtol=1e-4)


def test_the_losses_of_shaspec_weigh_what_its_arguments_say():
    def losses(**arguments):
        keras.utils.set_random_seed(0)
        return np.array(losses_of(fusion.ShaSpec(width=6, **arguments)))

    whole = losses(alignment=1.0, specificity=1.0)
    np.testing.assert_allclose(losses(), whole * [0.1, 0.02], rtol=1e-5)
    np.testing.assert_allclose(
        losses(alignment=0.5, specificity=0.25), whole * [0.5, 0.25], rtol=1e-5
    )
    assert len(losses(alignment=0.0)) == 1


@pytest.mark.parametrize("cls", [fusion.CrossAttention, fusion.Latents, fusion.MBT])
def test_deep_fusion_lets_each_feature_look_at_itself_first(cls):
    keras.utils.set_random_seed(0)
    shapes = {"a": (3, 4), "b": (2, 4)}
    rows = {
        "tokens": {n: DRAW.normal(size=(2, *s)).astype("float32") for n, s in shapes.items()},
        "masks": {n: np.ones((2, s[0]), bool) for n, s in shapes.items()},
        "presence": {n: np.ones(2, bool) for n in shapes},
    }
    layer = built(cls(width=8, layers=1, heads=2, fuse_at=2), **rows)
    deep = array(called(layer, **rows)["tokens"])
    assert len(layer.alone) == 4
    entering = program(lambda tokens: layer.entered(tokens, rows["masks"], False))
    entered = {name: array(x) for name, x in entering(rows["tokens"]).items()}

    @program
    def by_hand(tokens):
        found = {}
        for number, name in enumerate(shapes):
            found[name] = layer.entries[name](tokens[name])
            for block in layer.alone[2 * number : 2 * number + 2]:
                found[name] = block(found[name], rows["masks"][name][:, None, None, :])
        return found

    for name, x in by_hand(rows["tokens"]).items():
        np.testing.assert_allclose(entered[name], array(x), rtol=1e-5, atol=1e-6)
    other = {**rows["tokens"], "b": rows["tokens"]["b"] + 1}
    again = {name: array(x) for name, x in entering(other).items()}
    np.testing.assert_array_equal(entered["a"], again["a"])
    assert np.abs(entered["b"] - again["b"]).max() > 0
    # What comes after is that of an early fusion of what entered.
    after = {**rows, "tokens": entered}
    early = built(cls(width=8, layers=1, heads=2), **after)
    blocks = {id(weight) for block in layer.alone for weight in block.weights}
    entries = {id(weight) for entry in layer.entries.values() for weight in entry.weights}
    early.set_weights(
        [
            # The entries of the early one pass on what they are given.
            (np.eye(8) if weight.ndim == 2 else np.zeros(8))
            if id(weight) in entries
            else array(weight)
            for weight in layer.weights
            if id(weight) not in blocks
        ]
    )
    given = called(early, **after)
    np.testing.assert_allclose(array(given["tokens"]), deep, rtol=1e-4, atol=1e-5)
