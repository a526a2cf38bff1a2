"""Fusion through a few tokens."""

from typing import Any

import keras
from keras import ops

from plait._ranges import demand_whole
from plait.fusion._token_fusion import TokenFusion, seen


@keras.saving.register_keras_serializable(package="plait")
class MBT(TokenFusion):
    """Attention within each feature, and between features through bottleneck tokens alone.

    In each layer each feature has a block of its own over [x_m; b], its tokens and the bottleneck;
    the next layer's b is the mean of what the features made of it. So features exchange what fits
    into few tokens, at the price of attention within each feature. One feature alone keeps its
    bottleneck to itself. No norm stands behind the last block, so that a linear path of an encoder
    stays one.

    Args:
        bottleneck: tokens in b.
        layers: how many; `fuse_at` and the features' encoders stand for the paper's earlier,
            unfused ones.
        width, heads, hidden, dropout, fuse_at: see `TokenFusion`.

    Returns:
        The bottleneck and the tokens of all features, in the order of their names.

    Raises:
        ConfigError: an argument that cannot be.

    References:
        A. Nagrani, S. Yang, A. Arnab, A. Jansen, C. Schmid and C. Sun. Attention Bottlenecks for
        Multimodal Fusion, 2021.
    """

    def __init__(
        self,
        width: int = 128,
        bottleneck: int = 4,
        layers: int = 2,
        heads: int = 4,
        hidden: int | None = None,
        dropout: float = 0.1,
        fuse_at: int = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(width, heads, hidden, dropout, fuse_at, **kwargs)
        demand_whole("MBT", bottleneck=bottleneck)
        demand_whole("MBT", most=100, layers=layers)
        self.bottleneck = bottleneck
        self.layers = layers

    def build(
        self,
        tokens_shape: dict[str, Any],
        masks_shape: dict[str, Any],
        presence_shape: dict[str, Any],
    ) -> None:
        super().build(tokens_shape, masks_shape, presence_shape)
        self.start = self.add_weight(
            name="start",
            shape=(self.bottleneck, self.width),
            initializer=keras.initializers.RandomNormal(stddev=0.02),
        )
        self.blocks = [
            [self.block(f"block_{layer}_{n}") for n in range(len(tokens_shape))]
            for layer in range(self.layers)
        ]

    def fuse(
        self,
        tokens: dict[str, Any],
        masks: dict[str, Any],
        presence: dict[str, Any],
        training: bool | None = None,
    ) -> dict[str, Any]:
        each = list(self.entered(tokens, masks, training).values())
        valid = [masks[name] for name in sorted(masks)]
        # Adding zeros is what gives what is learnt the size of the batch.
        shared = self.start + ops.zeros_like(each[0][:, :1])
        always = ops.ones_like(shared[..., 0], dtype="bool")
        for blocks in self.blocks:
            made = []
            for n, block in enumerate(blocks):
                x = ops.concatenate([shared, each[n]], axis=1)
                mask = ops.concatenate([always, valid[n]], axis=1)
                x = block(x, seen(mask), training=training)
                made.append(x[:, : self.bottleneck])
                each[n] = x[:, self.bottleneck :]
            shared = ops.mean(ops.stack(made), axis=0)
        joined = ops.concatenate([shared, *each], axis=1)
        return {"tokens": joined, "mask": ops.concatenate([always, *valid], axis=1)}

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "bottleneck": self.bottleneck, "layers": self.layers}
