"""Fusion by a Tucker decomposition."""

from typing import Any

import keras
from keras import ops

from plait._ranges import demand_whole
from plait.fusion._pairs import PairFusion


@keras.saving.register_keras_serializable(package="plait")
class MUTAN(PairFusion):
    """Bilinear fusion whose core tensor has rank R: P Σ_r (M_r tanh(U x)) ⊙ (N_r tanh(V y)) + b,
    with biases within.

    Of more than two features the products of all pairs are added up; one alone stands for itself. An
    absent feature counts with its absent token.

    Args:
        width: the size of the token that comes out.
        inner: the size that each feature is brought to first. The paper's is 360.
        rank: R, of the core.

    Raises:
        ConfigError: an argument that cannot be.

    References:
        H. Ben-younes, R. Cadene, M. Cord and N. Thome. MUTAN: Multimodal Tucker Fusion for Visual
        Question Answering, 2017.
    """

    activation = "tanh"

    def __init__(self, width: int = 128, inner: int = 128, rank: int = 5, **kwargs: Any) -> None:
        super().__init__(width, **kwargs)
        demand_whole("MUTAN", inner=inner, rank=rank)
        self.inner = inner
        self.rank = rank

    @property
    def units(self) -> int:
        return self.inner

    def build(
        self,
        tokens_shape: dict[str, Any],
        masks_shape: dict[str, Any],
        presence_shape: dict[str, Any],
    ) -> None:
        super().build(tokens_shape, masks_shape, presence_shape)
        self.core = [
            self.dense(self.rank * self.inner, self.inner, f"core_{n}", use_bias=False)
            for n in range(len(tokens_shape))
        ]
        self.joined = self.dense(self.width, self.inner, "joined")

    def factors(self, projected: Any) -> Any:
        each = ops.unstack(projected, axis=1)
        found = [core(one) for core, one in zip(self.core, each, strict=True)]
        return ops.reshape(ops.stack(found, axis=1), (-1, len(found), self.rank, self.inner))

    def finish(self, products: Any) -> Any:
        return self.joined(ops.sum(products, axis=1))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "inner": self.inner, "rank": self.rank}
