"""Fusion by the outer product of all features."""

from typing import Any

import keras
from keras import ops

from plait._ranges import demand_whole
from plait.errors import ConfigError
from plait.fusion._pooled_fusion import Projecting

_SIZE = 4096
"""Of the outer product, where nothing is said."""
_MOST = 1 << 18


@keras.saving.register_keras_serializable(package="plait")
class TensorFusion(Projecting):
    """The outer product of all features, each with a 1 beside it, and a Dense: P ⊗_m [1; W_m h_m] + b.

    It holds each feature, each product of two, of three and so on up to all of them: (inner + 1)^M
    numbers of M features, each with `width` weights. So each feature is brought to few numbers first.
    An absent feature counts with its absent token.

    Args:
        width: the size of the token that comes out.
        inner: the size that each feature is brought to; None for as many as make up to 4,096 products.

    Raises:
        ConfigError: an argument that cannot be, or more than 262,144 products; `LowRankTensorFusion`
            has no such bound.

    References:
        A. Zadeh, M. Chen, S. Poria, E. Cambria and L.-P. Morency. Tensor Fusion Network for Multimodal
        Sentiment Analysis, 2017.
    """

    def __init__(self, width: int = 128, inner: int | None = None, **kwargs: Any) -> None:
        super().__init__(width, **kwargs)
        if inner is not None:
            demand_whole("TensorFusion", inner=inner)
        self.inner = inner

    @property
    def units(self) -> int:
        return self._units

    def build(
        self,
        tokens_shape: dict[str, Any],
        masks_shape: dict[str, Any],
        presence_shape: dict[str, Any],
    ) -> None:
        count = len(tokens_shape)
        self._units = self.inner or max(1, int(_SIZE ** (1 / count) + 1e-9) - 1)
        size = (self._units + 1) ** count
        if size > _MOST:
            raise ConfigError(
                f"TensorFusion: {count} features of {self._units} numbers each have {size:,} products "
                f"with each other, more than {_MOST:,}. Take a smaller inner, or LowRankTensorFusion.",
                ("inner",),
            )
        super().build(tokens_shape, masks_shape, presence_shape)
        self.joined = self.dense(self.width, size, "joined")

    def join(self, vectors: dict[str, Any]) -> Any:
        each = self.projected(vectors)
        each = ops.concatenate([ops.ones_like(each[..., :1]), each], axis=-1)
        found, *others = ops.unstack(each, axis=1)
        for other in others:
            both = ops.expand_dims(found, 2) * ops.expand_dims(other, 1)
            found = ops.reshape(both, (-1, both.shape[1] * both.shape[2]))
        return self.joined(found)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "inner": self.inner}
