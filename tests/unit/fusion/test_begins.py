"""What weights begin as, where it is not what Keras takes by itself."""

import numpy as np
import pytest
from keras import ops

from plait import fusion
from plait._shares import listening

DRAW = np.random.default_rng(0)
NAMES = ("a", "b", "c")
ROWS = {
    "tokens": {name: DRAW.normal(size=(2, 3, 5)).astype("float32") for name in NAMES},
    "masks": {name: np.ones((2, 3), bool) for name in NAMES},
    "presence": {name: np.ones(2, bool) for name in NAMES},
}


def built(layer):
    layer(**ROWS)
    return layer


def array(x):
    return ops.convert_to_numpy(x)


@pytest.mark.parametrize("cls", [fusion.Product, fusion.LowRankTensorFusion])
def test_a_product_begins_near_1(cls):
    """With biases of 0 a factor near 0 would keep the gradient from all others."""
    layer = built(cls(width=4))
    biases = [array(projection.bias) for projection in layer.projections.values()]
    assert len(biases) == len(NAMES)
    assert all((bias == 1).all() for bias in biases)


def test_weights_of_each_row_begin_alike_and_care_for_no_size():
    layer = built(fusion.Weighted(width=4, per_row=True))
    mean = built(fusion.Mean(width=4))
    for ours, name in [(layer.projections[n], n) for n in NAMES]:
        mean.projections[name].set_weights(ours.get_weights())
    for n, query in layer.queries.items():
        mean.queries[n].assign(query)
    given, expected = array(layer(**ROWS)["tokens"]), array(mean(**ROWS)["tokens"])
    np.testing.assert_allclose(given, expected, rtol=1e-5, atol=1e-6)
    for n in NAMES:
        layer.scores[n].kernel.assign(DRAW.normal(size=(5, 1)))
    shares = []
    for size in (1.0, 1000.0):
        tokens = {**ROWS["tokens"], "a": size * ROWS["tokens"]["a"]}
        with listening() as told:
            layer(**{**ROWS, "tokens": tokens})
        shares.append(told[0].values)
    np.testing.assert_allclose(*shares, rtol=1e-4)
    assert np.ptp(shares[0], axis=0).min() > 0


def test_ranks_begin_as_their_mean():
    layer = built(fusion.LowRankTensorFusion(width=4, rank=5))
    np.testing.assert_allclose(array(layer.shares), 1 / 5)


@pytest.mark.parametrize(
    "layer", [fusion.MBT(width=64, bottleneck=16, heads=4), fusion.Latents(width=64, heads=4)]
)
def test_tokens_of_its_own_begin_small(layer):
    own = [w for w in built(layer).weights if w.path.split("/")[-1] in ("bottleneck", "start")]
    assert len(own) == 1
    assert array(own[0]).std() == pytest.approx(0.02, rel=0.1)
