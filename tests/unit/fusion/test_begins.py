"""What weights begin as, where it is not what Keras takes by itself."""

import numpy as np
import pytest
from keras import ops

from plait import fusion

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
