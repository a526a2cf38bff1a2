"""Factorised bilinear fusion."""

from typing import Any

import keras
from keras import ops

from plait._ranges import demand_whole
from plait.fusion._pairs import PairFusion, of_length_1, signed_root


@keras.saving.register_keras_serializable(package="plait")
class MFB(PairFusion):
    """Factorised bilinear pooling: z = the sum of k neighbours of U x ⊙ V y; then of each element of z
    its root with its sign, the whole to length 1, and a Dense; with biases within.

    Of more than two features the products of all pairs are added up; one alone stands for itself. The
    paper's dropout within is left out. An absent feature counts with its absent token.

    Args:
        width: the size of the token that comes out.
        size: of z. The paper's is 1,000.
        pool: k.

    Raises:
        ConfigError: an argument that cannot be.

    References:
        Z. Yu, J. Yu, J. Fan and D. Tao. Multi-modal Factorized Bilinear Pooling with Co-Attention
        Learning for Visual Question Answering, 2017.
    """

    def __init__(self, width: int = 128, size: int = 256, pool: int = 5, **kwargs: Any) -> None:
        super().__init__(width, **kwargs)
        demand_whole("MFB", size=size, pool=pool)
        self.size = size
        self.pool = pool

    @property
    def units(self) -> int:
        return self.size * self.pool

    def build(
        self,
        tokens_shape: dict[str, Any],
        masks_shape: dict[str, Any],
        presence_shape: dict[str, Any],
    ) -> None:
        super().build(tokens_shape, masks_shape, presence_shape)
        self.joined = self.dense(self.width, self.size, "joined")

    def finish(self, products: Any) -> Any:
        pooled = ops.sum(ops.reshape(products, (-1, self.size, self.pool)), axis=-1)
        return self.joined(of_length_1(signed_root(pooled)))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "size": self.size, "pool": self.pool}
