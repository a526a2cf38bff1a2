import numpy as np
from keras import ops

from plait import fusion

DRAW = np.random.default_rng(0)
VECTORS = {name: DRAW.normal(size=(5, 3)).astype("float32") for name in "abc"}
HERE = {
    "a": np.array([1, 1, 0, 0, 1], bool),
    "b": np.array([1, 0, 0, 0, 1], bool),
    "c": np.array([1, 1, 1, 0, 0], bool),
}
ROWS = {
    "tokens": {name: vector[:, None] for name, vector in VECTORS.items()},
    "masks": {name: np.ones((5, 1), bool) for name in VECTORS},
    "presence": HERE,
    "filled": True,
}


def test_an_expert_whose_features_are_not_all_there_is_silent():
    layer = fusion.SubsetExperts(width=4, together=2)
    layer(**ROWS)
    assert ["".join(some) for some in layer.subsets] == ["a", "b", "c", "ab", "ac", "bc", "abc"]
    shares = ops.convert_to_numpy(layer.shares(VECTORS, HERE))
    takes_part = np.array(
        [
            [1, 1, 1, 1, 1, 1, 1],
            [1, 0, 1, 0, 1, 0, 0],
            [0, 0, 1, 0, 0, 0, 0],
            [1, 1, 1, 1, 1, 1, 1],  # Of nothing at all, every one.
            [1, 1, 0, 1, 0, 0, 0],
        ],
        bool,
    )
    np.testing.assert_array_equal(shares > 0, takes_part)
    np.testing.assert_allclose(shares.sum(1), 1, rtol=1e-6)


def test_it_is_the_mixture_of_its_experts():
    layer = fusion.SubsetExperts(width=4)
    found = ops.convert_to_numpy(layer(**ROWS)["tokens"])[:, 0]
    shares = ops.convert_to_numpy(layer.shares(VECTORS, HERE))
    expected = 0
    for n, some in enumerate(layer.subsets):
        rise, fall = (
            [ops.convert_to_numpy(v) for v in dense.weights] for dense in layer.experts[n]
        )
        inner = np.maximum(
            np.concatenate([VECTORS[name] for name in some], -1) @ rise[0] + rise[1], 0
        )
        expected = expected + shares[:, n : n + 1] * (inner @ fall[0] + fall[1])
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
