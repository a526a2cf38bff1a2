"""Fusion into a few latent tokens."""

from typing import Any

import keras
from keras import ops

from plait._ranges import demand_whole
from plait.fusion._token_fusion import TokenFusion, seen


@keras.saving.register_keras_serializable(package="plait")
class Latents(TokenFusion):
    """Learnt latent tokens that look at all tokens of all features, and then at each other.

    However many tokens there are, so many come out; what attention costs grows with their number, not
    with its square. Each feature's tokens are projected first, with a bias that tells whose they are.
    As the Perceiver, with one look at the features, and without the queries of what comes out that
    Perceiver IO has.

    Args:
        count: of latent tokens.
        layers: blocks in which they look at each other.
        width, heads, hidden, dropout, fuse_at: see `TokenFusion`.

    Returns:
        The latent tokens after a norm, all of them valid.

    Raises:
        ConfigError: an argument that cannot be.

    References:
        A. Jaegle et al. Perceiver IO: A General Architecture for Structured Inputs & Outputs, 2022.
    """

    def __init__(
        self,
        width: int = 128,
        count: int = 16,
        layers: int = 1,
        heads: int = 4,
        hidden: int | None = None,
        dropout: float = 0.1,
        fuse_at: int = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(width, heads, hidden, dropout, fuse_at, **kwargs)
        demand_whole("Latents", count=count)
        demand_whole("Latents", least=0, most=100, layers=layers)
        self.count = count
        self.layers = layers

    def build(
        self,
        tokens_shape: dict[str, Any],
        masks_shape: dict[str, Any],
        presence_shape: dict[str, Any],
    ) -> None:
        super().build(tokens_shape, masks_shape, presence_shape)
        small = keras.initializers.RandomNormal(stddev=0.02)
        self.start = self.add_weight(
            name="start", shape=(self.count, self.width), initializer=small
        )
        counts = [shape[1] for shape in tokens_shape.values()]
        self.look = self.block("look", None if None in counts else sum(counts))
        self.blocks = [self.block(f"block_{n}", self.count) for n in range(self.layers)]
        self.last = keras.layers.LayerNormalization(
            epsilon=1e-5, dtype=self.dtype_policy, name="norm"
        )
        self.last.build((None, self.count, self.width))

    def fuse(
        self,
        tokens: dict[str, Any],
        masks: dict[str, Any],
        presence: dict[str, Any],
        training: bool | None = None,
    ) -> dict[str, Any]:
        each = self.entered(tokens, masks, training)
        at = ops.concatenate(list(each.values()), axis=1)
        valid = ops.concatenate([masks[name] for name in each], axis=1)
        x = self.start + ops.zeros_like(at[:, :1])
        always = ops.ones_like(x[..., 0], dtype="bool")
        x = self.look(x, seen(valid), at=at, training=training)
        for block in self.blocks:
            x = block(x, seen(always), training=training)
        return {"tokens": self.last(x), "mask": always}

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "count": self.count, "layers": self.layers}
