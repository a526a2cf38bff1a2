"""Each formula, by numbers worked out by hand."""

import numpy as np
import pytest
from keras import ops

from plait.fusion import Concat, Max, Mean, Sum, Weighted
from plait.fusion._pooled_fusion import attention_pool

TOKENS = {"b": np.array([[[3.0]]], "float32"), "a": np.array([[[1.0, 2.0]]], "float32")}
ROWS = {
    "tokens": TOKENS,
    "masks": {n: np.ones((1, 1), bool) for n in TOKENS},
    "presence": {n: np.ones(1, bool) for n in TOKENS},
}


@pytest.mark.parametrize(
    ("cls", "expected"),
    [(Sum, [4, 5]), (Mean, [2, 2.5]), (Max, [3, 3]), (Weighted, [0.25 * 1 + 0.75 * 3, 2.75])],
)
def test_projected_features_are_reduced(cls, expected):
    layer = cls(width=2)
    layer(**ROWS)
    layer.projections["a"].kernel.assign(np.eye(2))
    layer.projections["b"].kernel.assign([[1, 1]])
    if cls is Weighted:
        layer.logits.assign([0, np.log(3)])
    np.testing.assert_allclose(ops.convert_to_numpy(layer(**ROWS)["tokens"])[0, 0], expected)


def test_concat_joins_in_the_order_of_the_names():
    layer = Concat(width=1)
    layer(**ROWS)
    layer.projection.kernel.assign([[1], [10], [100]])
    np.testing.assert_allclose(ops.convert_to_numpy(layer(**ROWS)["tokens"]), [[[321]]])


def test_weighted_tells_each_features_share():
    layer = Weighted(width=2)
    layer(**ROWS)
    layer.logits.assign([0, np.log(3)])
    assert layer.shares() == pytest.approx({"a": 0.25, "b": 0.75})


def test_weighted_gives_one_feature_the_whole_weight():
    layer = Weighted(width=2)
    layer(**{part: {"a": named["a"]} for part, named in ROWS.items()})
    assert layer.shares() == {"a": 1.0}


def test_pooling_starts_as_the_mean_of_the_valid_tokens():
    tokens = np.array([[[1.0, 5], [3, 7], [99, 99]]], "float32")
    mask = np.array([[True, True, False]])
    pooled = attention_pool(
        ops.convert_to_tensor(tokens), ops.convert_to_tensor(mask), ops.zeros(2)
    )
    np.testing.assert_allclose(ops.convert_to_numpy(pooled), [[2, 6]])


def test_pooling_attends_by_the_query():
    """Scores 0 and 4 · (log(3) / 2) / sqrt(4) = log(3): weights 1/4 and 3/4."""
    tokens = np.array([[[0.0, 0, 0, 0], [4, 0, 0, 0]]], "float32")
    query = np.array([np.log(3) / 2, 0, 0, 0], "float32")
    pooled = attention_pool(
        ops.convert_to_tensor(tokens), ops.ones((1, 2), "bool"), ops.convert_to_tensor(query)
    )
    np.testing.assert_allclose(ops.convert_to_numpy(pooled), [[3, 0, 0, 0]], rtol=1e-6)
