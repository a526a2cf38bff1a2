"""One trunk for all tasks."""

from typing import Any

import keras

from plait._dropout import Dropout
from plait.errors import ConfigError
from plait.sharing._sharing import Sharing


@keras.saving.register_keras_serializable(package="plait")
class HardSharing(Sharing):
    """All tasks share one trunk of residual blocks: x + W_2 gelu(W_1 norm(x)).

    Normalisation is inside the blocks and row by row (layer normalisation), so the identity path
    is linear from end to end: what a linear model can read from the fused token reaches the heads
    as it is. The blocks' last layers start small, near that linear model.

    Args:
        blocks: how many; 0 passes the fused tokens on.
        width: the size inside a block; that of the tokens if None.
        dropout: the share of a block's output that is dropped in training.

    Call arguments and Returns: see `Sharing`; tokens `(batch, tokens, width)` come out in the
    shape they came in.

    Raises:
        ConfigError: a number of blocks, width or dropout that cannot be.

    Example:
        HardSharing(blocks=1)(keras.ops.ones((2, 1, 8))).shape  # (2, 1, 8)

    References:
        R. Caruana, "Multitask Learning" (1997), for one shared representation; the blocks are those
        of K. He et al., "Identity Mappings in Deep Residual Networks" (2016), with layer
        normalisation and gelu.
    """

    def __init__(
        self, blocks: int = 2, width: int | None = None, dropout: float = 0.1, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        if blocks < 0:
            raise ConfigError(f"HardSharing: blocks is 0 or more. Received: {blocks}")
        if width is not None and width < 1:
            raise ConfigError(f"HardSharing: width is 1 or more, or None. Received: {width}")
        if not 0 <= dropout < 1:
            raise ConfigError(f"HardSharing: dropout is in [0, 1). Received: {dropout}")
        self.blocks = blocks
        self.width = width
        self.dropout = dropout

    @property
    def least_weights(self) -> int:
        return self.blocks

    @property
    def passes_on(self) -> bool:
        return self.blocks == 0

    def build(self, tokens_shape: Any) -> None:
        outer = tokens_shape[-1]
        inner = self.width or outer
        self.trunk = []
        for number in range(self.blocks):
            block = keras.Sequential(
                [
                    keras.layers.LayerNormalization(dtype=self.dtype_policy, name="norm"),
                    keras.layers.Dense(
                        inner, activation="gelu", dtype=self.dtype_policy, name="rise"
                    ),
                    keras.layers.Dense(
                        outer,
                        kernel_initializer=keras.initializers.VarianceScaling(
                            0.01, "fan_avg", "uniform"
                        ),
                        dtype=self.dtype_policy,
                        name="fall",
                    ),
                    Dropout(self.dropout, dtype=self.dtype_policy, name="dropout"),
                ],
                name=f"block_{number}",
            )
            block.build((None, None, outer))
            self.trunk.append(block)

    def call(self, tokens: Any, mask: Any = None, training: bool | None = None) -> Any:
        for block in self.trunk:
            tokens = tokens + block(tokens, training=training)
        return tokens

    def routed(self, tokens: Any, route: Any, training: bool | None = None) -> Any:
        """The same with some of the units inside each block alone, 1 in `route` for those that stay."""
        for block in self.trunk:
            norm, rise, fall, dropout = block.layers
            added = fall(rise(norm(tokens)) * route)
            tokens = tokens + dropout(added, training=training)
        return tokens

    def branch(self, task: str) -> keras.layers.Layer | None:
        return None

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "blocks": self.blocks,
            "width": self.width,
            "dropout": self.dropout,
        }
