"""Fusion by attention from each feature to each other one."""

from typing import Any

import keras
from keras import ops

from plait._ranges import demand_whole
from plait.fusion._token_fusion import TokenFusion, seen


@keras.saving.register_keras_serializable(package="plait")
class CrossAttention(TokenFusion):
    """Each feature's tokens look at those of each other feature, and then at themselves (MulT).

    For each ordered pair there are blocks in which the tokens of the one look at those of the other
    as they came; what a feature found in the others is joined and its tokens look at each other. That
    is M (M - 1) blocks a layer for M features, the dearest of the fusions.

    It differs from the paper in that a Dense brings what was joined back to `width`, that all tokens
    come out, not a feature's last one, that encoders give their tokens' places, and that no norm
    stands behind the last block, so that a linear path of an encoder stays one.

    Args:
        layers: blocks of each pair.
        self_layers: blocks of each feature behind them.
        width, heads, hidden, dropout, fuse_at: see `TokenFusion`.

    Returns:
        The tokens of all features, in the order of their names.

    Raises:
        ConfigError: an argument that cannot be.

    References:
        Y.-H. H. Tsai, S. Bai, P. P. Liang, J. Z. Kolter, L.-P. Morency and R. Salakhutdinov. Multimodal
        Transformer for Unaligned Multimodal Language Sequences, 2019.
    """

    def __init__(
        self,
        width: int = 128,
        layers: int = 1,
        self_layers: int = 1,
        heads: int = 4,
        hidden: int | None = None,
        dropout: float = 0.1,
        fuse_at: int = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(width, heads, hidden, dropout, fuse_at, **kwargs)
        demand_whole("CrossAttention", most=100, layers=layers)
        demand_whole("CrossAttention", least=0, most=100, self_layers=self_layers)
        self.layers = layers
        self.self_layers = self_layers

    def build(
        self,
        tokens_shape: dict[str, Any],
        masks_shape: dict[str, Any],
        presence_shape: dict[str, Any],
    ) -> None:
        super().build(tokens_shape, masks_shape, presence_shape)
        places = range(len(tokens_shape))
        counts = [tokens_shape[name][1] for name in sorted(tokens_shape)]
        self.across = {
            f"{to}_{other}": [
                self.block(f"block_{to}_{other}_{n}", counts[other]) for n in range(self.layers)
            ]
            for to in places
            for other in places
            if other != to
        }
        self.joined, self.within = [], []
        for to in places:
            if len(places) > 2:
                dense = keras.layers.Dense(self.width, dtype=self.dtype_policy, name=f"joined_{to}")
                dense.build((None, None, (len(places) - 1) * self.width))
                self.joined.append(dense)
            self.within.append(
                [self.block(f"self_{to}_{n}", counts[to]) for n in range(self.self_layers)]
            )

    def fuse(
        self,
        tokens: dict[str, Any],
        masks: dict[str, Any],
        presence: dict[str, Any],
        training: bool | None = None,
    ) -> dict[str, Any]:
        each = list(self.entered(tokens, masks, training).values())
        valid = [masks[name] for name in sorted(masks)]
        found = []
        for to, own in enumerate(each):
            parts = []
            for other, at in enumerate(each):
                if other == to:
                    continue
                x = own
                for block in self.across[f"{to}_{other}"]:
                    x = block(x, seen(valid[other]), at=at, training=training)
                parts.append(x)
            x = parts[0] if parts else own
            if len(parts) > 1:
                x = self.joined[to](ops.concatenate(parts, axis=-1))
            for block in self.within[to]:
                x = block(x, seen(valid[to]), training=training)
            found.append(x)
        return {"tokens": ops.concatenate(found, axis=1), "mask": ops.concatenate(valid, axis=1)}

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "layers": self.layers, "self_layers": self.self_layers}
