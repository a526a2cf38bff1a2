"""Fusion by the outer product of all features, of low rank."""

from typing import Any

import keras
from keras import ops

from plait._ranges import demand_whole
from plait.fusion._pooled_fusion import Projecting


@keras.saving.register_keras_serializable(package="plait")
class LowRankTensorFusion(Projecting):
    """A tensor fusion whose weights have rank R: Σ_r w_r Π_m F_m^r [1; h_m] + b.

    What `TensorFusion` gives, at a cost that grows with the number of features, not as its power.

    It differs from the paper's code in where it begins: what stands beside the 1 is 1 and w is 1 / R,
    so that the product of many features begins near 1 and not near 0. An absent feature counts with
    its absent token.

    Args:
        width: the size of the token that comes out.
        rank: R.

    Raises:
        ConfigError: an argument that cannot be.

    References:
        Z. Liu, Y. Shen, V. B. Lakshminarasimhan, P. P. Liang, A. Zadeh and L.-P. Morency. Efficient
        Low-rank Multimodal Fusion with Modality-Specific Factors, 2018.
    """

    bias_initializer = "ones"

    def __init__(self, width: int = 128, rank: int = 8, **kwargs: Any) -> None:
        super().__init__(width, **kwargs)
        demand_whole("LowRankTensorFusion", rank=rank)
        self.rank = rank

    @property
    def units(self) -> int:
        return self.rank * self.width

    def build(
        self,
        tokens_shape: dict[str, Any],
        masks_shape: dict[str, Any],
        presence_shape: dict[str, Any],
    ) -> None:
        super().build(tokens_shape, masks_shape, presence_shape)
        self.shares = self.add_weight(
            name="shares",
            shape=(self.rank,),
            initializer=keras.initializers.Constant(1 / self.rank),
        )
        self.bias = self.add_weight(name="bias", shape=(self.width,), initializer="zeros")

    def join(self, vectors: dict[str, Any]) -> Any:
        each = self.projected(vectors)
        product = ops.prod(ops.reshape(each, (-1, each.shape[1], self.rank, self.width)), axis=1)
        return ops.sum(product * ops.expand_dims(self.shares, -1), axis=1) + self.bias

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "rank": self.rank}
