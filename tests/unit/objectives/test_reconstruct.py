"""What is hidden of a row: which parts, that none of it is seen, and that it is learnt."""

import keras
import numpy as np
import pytest

import plait
from plait import encoders
from plait._keyed import keyed
from plait.errors import ConfigError
from plait.model import MultiTaskModel
from plait.objectives import Reconstruct
from plait.objectives._hiding import HidingTokens
from plait.table import Table
from plait.training import Training
from tests.programs import called, program
from tests.unit.objectives.rows import columns, declared, trained, with_parts

PARTS = ("note", "photo", "record")


def numpy(x):
    return keras.ops.convert_to_numpy(x)


def hiding(share, name):
    """What a hiding layer gives of values, lengths and the rows' keys, as arrays."""
    layer = HidingTokens(share, name=name)

    @program
    def found(values, lengths, keys):
        with keyed(keys):
            return layer(values, lengths)

    def hidden(*given):
        given = map(keras.ops.convert_to_tensor, given)
        return {name: numpy(part) for name, part in found(*given).items()}

    return hidden


def test_a_share_of_a_rows_tokens_is_hidden_and_at_least_one_and_no_padding():
    lengths = np.array([20, 10, 1, 0], "int32")
    values = np.where(np.arange(20) < lengths[:, None], 7, 0).astype("int32")
    keys = np.arange(8, dtype="int32").reshape(4, 2)
    hides = hiding(0.25, "hiding")
    found = hides(values, lengths, keys)
    assert (found["values"] == 1).sum(axis=1).tolist() == [5, 2, 1, 0]
    assert found["asked"].sum(axis=1).tolist() == [5, 2, 1, 0]
    assert (found["values"][values == 0] == 0).all()
    for row in range(4):
        listed = found["places"][row][found["asked"][row]]
        assert sorted(listed) == np.flatnonzero(found["values"][row] == 1).tolist()
    again = hides(values, lengths, keys)
    np.testing.assert_array_equal(found["values"], again["values"])
    later = hides(values, lengths, keys + 1)
    assert (found["values"] != later["values"]).any()
    other = hiding(0.25, "another")(values, lengths, keys)
    assert (found["values"] != other["values"]).any()


def said_and_hidden(case, width=8):
    """A model that gives what the objective says and which parts it hid, and rows for it."""
    declaration = declared(Reconstruct(case))
    model = MultiTaskModel(*declaration.connect(seed=1))
    layers = {name: model.get_layer(f"signal__{name}") for name in ("hiding", "head")}
    # A dict's tensors, in the order of their names.
    asked, places, _ = layers["hiding"].output
    looking = keras.Model(
        model.inputs, {"said": layers["head"].output, "places": places, "asked": asked}
    )
    x = declaration.rows(Table.read(columns())).inputs(np.arange(width), width)
    return looking, x


def changed(case, values, row, part):
    """The values with something else in one part of one row."""
    values = values.copy()
    if case == "note":
        values[row, part] = np.where(values[row, part] > 0, 2 + values[row, part] % 3, 0)
    elif case == "photo":
        # Patches of 2 x 2 pixels, 6 in a line.
        patch = np.s_[
            row, 2 * (part // 6) : 2 * (part // 6) + 2, 2 * (part % 6) : 2 * (part % 6) + 2
        ]
        values[patch] = 255 - values[patch]
    else:
        values[row, part] = 1 - values[row, part]
    return values


@pytest.mark.parametrize("case", PARTS)
def test_what_is_hidden_changes_no_bit_of_what_is_said_and_what_is_seen_does(case):
    looking, x = said_and_hidden(case)
    before = {name: numpy(part) for name, part in called(looking, x).items()}
    there = np.flatnonzero(x[f"{case}__present"] & before["asked"].any(axis=1))
    row = int(there[0])
    hidden = set(before["places"][row][before["asked"][row]].tolist())
    parts = {"note": int(x.get("note__length", [0] * 8)[row]), "photo": 24, "record": 3}[case]
    for part in range(parts):
        if case == "record" and not x["record"][row, 3 + part]:
            continue
        other = changed(case, x[case], row, part)
        assert (other != x[case]).any()
        after = numpy(called(looking, {**x, case: other})["said"])
        same = (after == before["said"]).all()
        assert same == (part in hidden), (part, hidden)


@pytest.mark.backends
def test_losses_by_hand():
    def given(name, state, **seen):
        made = Reconstruct("x").with_state({"kind": name, **state})
        types = {"present": "bool", "asked": "bool", "places": "int32"}
        ids = {"values": "int32"} if name == "Text" else {}
        tensors = {
            n: keras.ops.convert_to_tensor(np.array(v, (types | ids).get(n, "float32")))
            for n, v in seen.items()
        }
        losses, counts = made.losses(tensors)
        return numpy(losses), numpy(counts).tolist()

    # Of the three places asked, one is of an unknown token; of the second row none is known.
    losses, counts = given(
        "Text",
        {"shares": [0.5, 0.5], "trivial": 2.0},
        said=np.log([[[0.25, 0.75], [0.5, 0.5], [0.9, 0.1]]] * 2),
        values=[[2, 3, 1], [1, 1, 1]],
        places=[[0, 2, 1]] * 2,
        asked=[[True, True, True]] * 2,
        present=[True, True],
    )
    np.testing.assert_allclose(losses[0], (-np.log(0.25) - np.log(0.1)) / 2 / 2.0, rtol=1e-5)
    assert counts == [True, False]
    # Two patches of 1 x 2 in a line of three pixels, the second half outside; pixels of 0, 1 and 1.
    losses, counts = given(
        "Image",
        {"mean": [0.5], "std": [0.5]},
        said=[[[1.0, 7.0], [0.0, 1.0]], [[0.0, 0.0], [0.0, 0.0]]],
        values=np.array([[0, 255, 255]] * 2).reshape(2, 1, 3, 1),
        places=[[1, 0]] * 2,
        asked=[[True, True], [True, False]],
        present=[True, True],
        grid=np.zeros((2, 1, 2)),
    )
    np.testing.assert_allclose(losses, [(0.0 + (1 + 0) / 2) / 2, 1.0], rtol=1e-5)
    # A category of two and a number; a category that training has not seen is not asked.
    losses, counts = given(
        "Columns",
        {"columns": [{"shares": [0.5, 0.5], "trivial": np.log(2)}, {"trivial": [0.5]}]},
        said=[[0.0, 0.0, 3.0], [0.0, 0.0, 0.5]],
        values=[[1, 1.0, 1, 1], [0, 0.0, 1, 1]],
        places=[[1, 0], [0, 1]],
        asked=[[True, True], [True, False]],
        present=[True, True],
    )
    np.testing.assert_allclose(losses[0], (1.5 / 0.5 + 1.0) / 2, rtol=1e-5)
    assert counts == [True, False]


@pytest.mark.parametrize("case", PARTS)
def test_what_is_hidden_is_learnt_from_what_is_seen(case):
    """Each text, picture and record says twice what it says; a loss of 1 is that of the shares."""
    settings = Training(epochs=60, batch_size=20, learning_rate=0.02)
    feature = with_parts()[case]
    if case == "note":
        feature = plait.Text(encoder=encoders.TextWords(16, dropout=0.0, unknown=0.0))
    features = {case: feature, "size": plait.Number()}
    parts = {"features": features, "tasks": {"price": plait.Regression()}}
    made = trained(declared(Reconstruct(case, share=0.34), **parts), settings)
    losses = [epoch.logs["signal_loss"] for epoch in made.history]
    assert losses[0] > 0.6
    assert np.mean(losses[-5:]) < 0.75 * losses[0]


class Pooled(encoders.TextRNN):
    """One token for a whole text."""

    def call(self, values, lengths=None, training=None):
        given = super().call(values, lengths, training)
        mask = keras.ops.any(given["mask"], axis=1, keepdims=True)
        return {"tokens": keras.ops.mean(given["tokens"], axis=1, keepdims=True), "mask": mask}


class Flat(encoders.ImageConv):
    """No maps."""

    def call(self, values, lengths=None, training=None):
        given = super().call(values, lengths, training)
        return {"tokens": given["tokens"], "mask": given["mask"]}


@pytest.mark.parametrize(
    ("objective", "feature", "match"),
    [
        (Reconstruct("note"), plait.Text(), "read as n-grams, .* such as TextWords"),
        (Reconstruct("note"), plait.Text(encoder=Pooled(4)), "gives 1 tokens for 16 pieces"),
        (
            Reconstruct("photo"),
            plait.Image(encoder=Flat(4, channels=(4,))),
            "gives no feature maps",
        ),
        (Reconstruct("age", share=0.2), plait.Number(), "'age' is a Number, which is hidden whole"),
        (
            Reconstruct("id"),
            plait.CategorySet(),
            "'id' is a CategorySet, .* is a Number, a Category, a Columns, a Text or Image",
        ),
    ],
)
def test_what_cannot_be_told(objective, feature, match):
    features = {objective.feature: feature, "size": plait.Number()}
    with pytest.raises(ConfigError, match=match):
        declared(objective, features=features).connect(seed=1)


@pytest.mark.parametrize("share", [0, 1, -0.1, float("nan")])
def test_a_share_that_cannot_be(share):
    with pytest.raises(ConfigError, match="share is above 0 and below 1"):
        Reconstruct("note", share=share)
