"""Experts that read pictures, and give other places than there were."""

import keras
import numpy as np
import pytest
from keras import layers, ops

from plait.encoders import ImageConv
from plait.errors import ConfigError
from plait.sharing import CGC, PLE, DSelectK, MMoE

PICTURES = np.random.default_rng(0).normal(size=(3, 12, 12, 3)).astype("float32")
ENCODER = ImageConv(8, channels=(4,), dropout=0.0)
MAPS = [layers.Conv2D(4, 3, strides=2, activation="relu"), layers.Conv2D(6, 3)]
MADE = {
    "MMoE": lambda expert: MMoE(experts=3, expert=expert),
    "CGC": lambda expert: CGC(expert=expert),
    "PLE": lambda expert: PLE(levels=1, expert=expert, tasks=["a", "b"]),
    "DSelectK": lambda expert: DSelectK(expert=expert, tasks=["a", "b"]),
}


def array(x):
    return ops.convert_to_numpy(x)


def model_of(sharing):
    pictures = keras.Input(PICTURES.shape[1:])
    shared = sharing(pictures)
    found = {t: sharing.branch(t)(sharing.part(shared, t), pictures) for t in "ab"}
    return keras.Model(pictures, found)


@pytest.mark.parametrize("name", MADE)
@pytest.mark.parametrize("expert", [ENCODER, MAPS], ids=["encoder", "convolutions"])
def test_every_kind_of_expert_may_read_pictures(name, expert, tmp_path):
    model = model_of(MADE[name](expert))
    found = model(PICTURES, training=False)
    whole = {4: (3, 3, 6)}.get(len(found["a"].shape), found["a"].shape[1:])
    assert tuple(found["a"].shape) == (3, *whole)
    assert found["a"].shape[-1] == (8 if expert is ENCODER else 6)
    assert abs(array(found["a"]) - array(found["b"])).max() > 1e-4
    model.save(tmp_path / "m.keras")
    again = keras.models.load_model(tmp_path / "m.keras")(PICTURES, training=False)
    for task in "ab":
        np.testing.assert_allclose(array(again[task]), array(found[task]), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("expert", [ENCODER, MAPS], ids=["encoder", "convolutions"])
def test_a_gate_reads_the_picture_as_a_whole(expert):
    sharing = MMoE(experts=3, expert=expert)
    branch = sharing.branch("a")
    shared = sharing(PICTURES)
    answer = array(branch(sharing.part(shared, "a"), PICTURES))
    logits = PICTURES.mean(axis=(1, 2)) @ array(branch.gate.kernel)
    shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    expected = np.einsum("rk,kr...->r...", shares, [array(x) for x in shared])
    np.testing.assert_allclose(answer, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", MADE)
def test_where_tokens_have_a_mask_experts_keep_their_number(name):
    tokens, mask = np.ones((2, 6, 4), "float32"), np.ones((2, 6), bool)
    with pytest.raises(ConfigError, match="keeps the number of tokens"):
        MADE[name](layers.Conv1D(4, 2))(tokens, mask)
