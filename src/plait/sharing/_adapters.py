"""One trunk, and a small layer of each task's behind it."""

from typing import Any

import keras

from plait._ranges import demand_whole
from plait.sharing._hard_sharing import HardSharing


@keras.saving.register_keras_serializable(package="plait")
class Adapters(HardSharing):
    """`HardSharing`, behind which each task has an adapter: x + W_up gelu(W_down norm(x)).

    The adapters begin near the identity. They stand behind the trunk and not between its blocks, as
    in the paper's transformer, so that the trunk is computed once for all tasks; `LoRA` has
    something of each task's between the blocks.

    Args:
        blocks: how many residual blocks are shared.
        width: the size inside a block; that of the tokens if None.
        dropout: the share of a block's output that is dropped in training.
        bottleneck: the size inside an adapter.

    Raises:
        ConfigError: an argument out of its range.

    References:
        N. Houlsby et al., "Parameter-Efficient Transfer Learning for NLP" (2019).
    """

    def __init__(
        self,
        blocks: int = 2,
        width: int | None = None,
        dropout: float = 0.1,
        bottleneck: int = 16,
        **kwargs: Any,
    ) -> None:
        super().__init__(blocks, width, dropout, **kwargs)
        demand_whole("Adapters", bottleneck=bottleneck)
        self.bottleneck = bottleneck

    @property
    def passes_on(self) -> bool:
        return False

    def branch(self, task: str) -> keras.layers.Layer | None:
        return Adapter(self.bottleneck, dtype=self.dtype_policy)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "bottleneck": self.bottleneck}


@keras.saving.register_keras_serializable(package="plait")
class Adapter(keras.layers.Layer):
    """x + W_up gelu(W_down norm(x)), near the identity at first.

    Args:
        bottleneck: the size between the two layers.

    Call arguments:
        shared: `(batch, tokens, width)`.
        tokens: the fused tokens, which have no say.
        mask: nor has their mask.

    Returns:
        The shape of `shared`.
    """

    def __init__(self, bottleneck: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.bottleneck = bottleneck

    def build(self, shared_shape: Any, tokens_shape: Any = None, mask_shape: Any = None) -> None:
        policy, width = self.dtype_policy, shared_shape[-1]
        self.norm = keras.layers.LayerNormalization(dtype=policy, name="norm")
        self.down = keras.layers.Dense(
            self.bottleneck, activation="gelu", dtype=policy, name="down"
        )
        small = keras.initializers.VarianceScaling(0.01, "fan_avg", "uniform")
        self.up = keras.layers.Dense(width, kernel_initializer=small, dtype=policy, name="up")
        self.norm.build(shared_shape)
        self.down.build(shared_shape)
        self.up.build((*shared_shape[:-1], self.bottleneck))

    def call(self, shared: Any, tokens: Any, mask: Any = None) -> Any:
        return shared + self.up(self.down(self.norm(shared)))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "bottleneck": self.bottleneck}
