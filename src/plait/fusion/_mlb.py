"""Low-rank bilinear fusion."""

from typing import Any

import keras

from plait._ranges import demand_whole
from plait.fusion._pairs import PairFusion


@keras.saving.register_keras_serializable(package="plait")
class MLB(PairFusion):
    """Low-rank bilinear pooling: P (tanh(U x) ⊙ tanh(V y)) + b, with biases within.

    Of more than two features the products of all pairs are added up; one alone stands for itself. An
    absent feature counts with its absent token.

    Args:
        width: the size of the token that comes out.
        rank: of the products. The paper's is 1,200.

    Raises:
        ConfigError: an argument that cannot be.

    References:
        J.-H. Kim, K.-W. On, W. Lim, J. Kim, J.-W. Ha and B.-T. Zhang. Hadamard Product for Low-rank
        Bilinear Pooling, 2017.
    """

    activation = "tanh"

    def __init__(self, width: int = 128, rank: int = 256, **kwargs: Any) -> None:
        super().__init__(width, **kwargs)
        demand_whole("MLB", rank=rank)
        self.rank = rank

    @property
    def units(self) -> int:
        return self.rank

    def build(
        self,
        tokens_shape: dict[str, Any],
        masks_shape: dict[str, Any],
        presence_shape: dict[str, Any],
    ) -> None:
        super().build(tokens_shape, masks_shape, presence_shape)
        self.joined = self.dense(self.width, self.rank, "joined")

    def finish(self, products: Any) -> Any:
        return self.joined(products)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "rank": self.rank}
