"""Bilinear fusion."""

from itertools import combinations
from typing import Any

import keras
from keras import ops

from plait._ranges import demand_whole
from plait.fusion._pooled_fusion import PooledFusion


@keras.saving.register_keras_serializable(package="plait")
class MultiplicativeInteraction(PooledFusion):
    """Bilinear in each pair of features and linear in each: Σ_{i<j} x_iᵀ W_ij x_j + Σ_i U_i x_i + b.

    The weights of a pair are `inner`² · `width`: of two features of 128 as they are, 2 million. So
    each feature is brought to `inner` numbers first, linearly, for the products alone. An absent
    feature counts with its absent token.

    Args:
        width: the size of the token that comes out.
        inner: the size of each feature in a product; None for as it is.

    Raises:
        ConfigError: an argument that cannot be.

    References:
        S. M. Jayakumar, W. M. Czarnecki, J. Menick, J. Schwarz, J. Rae, S. Osindero, Y. W. Teh,
        T. Harley and R. Pascanu. Multiplicative Interactions and Where to Find Them, 2020.
    """

    def __init__(self, width: int = 128, inner: int | None = 32, **kwargs: Any) -> None:
        super().__init__(width, **kwargs)
        if inner is not None:
            demand_whole("MultiplicativeInteraction", inner=inner)
        self.inner = inner

    def build(
        self,
        tokens_shape: dict[str, Any],
        masks_shape: dict[str, Any],
        presence_shape: dict[str, Any],
    ) -> None:
        super().build(tokens_shape, masks_shape, presence_shape)
        sizes = [tokens_shape[name][-1] for name in sorted(tokens_shape)]
        self.linear = self.dense(self.width, sum(sizes), "linear")
        self.narrow = None
        if self.inner is not None and len(sizes) > 1:
            self.narrow = [
                self.dense(self.inner, size, f"narrow_{n}", use_bias=False)
                for n, size in enumerate(sizes)
            ]
            sizes = [self.inner] * len(sizes)
        self.products = {
            f"{i}_{j}": self.dense(
                sizes[j] * self.width, sizes[i], f"product_{i}_{j}", use_bias=False
            )
            for i, j in combinations(range(len(sizes)), 2)
        }

    def join(self, vectors: dict[str, Any]) -> Any:
        each = list(vectors.values())
        found = self.linear(ops.concatenate(each, axis=-1))
        if self.narrow is not None:
            each = [dense(one) for dense, one in zip(self.narrow, each, strict=True)]
        for i, j in combinations(range(len(each)), 2):
            rows = ops.reshape(
                self.products[f"{i}_{j}"](each[i]), (-1, self.width, each[j].shape[-1])
            )
            found = found + ops.squeeze(ops.matmul(rows, ops.expand_dims(each[j], -1)), -1)
        return found

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "inner": self.inner}
