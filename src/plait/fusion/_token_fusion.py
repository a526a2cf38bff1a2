"""Fusions that see each token of each feature."""

import abc
from typing import Any

import keras
from keras import ops

from plait._attention_block import AttentionBlock
from plait._ranges import demand_share, demand_whole
from plait.errors import ConfigError
from plait.fusion._fusion import Fusion


class TokenFusion(Fusion, abc.ABC):
    """Brings the tokens of each feature to one width, and lets them look at each other.

    Each feature has a Dense of its own for it. Features are in the order of their names, so the order
    of declaration changes nothing. An absent feature is one token, its absent token, which is looked at
    like any other.

    Args:
        width: the size of each token that comes out.
        heads: of attention; they part `width` evenly.
        hidden: the size inside a block's second half; twice the width if None.
        dropout: on what a block adds.
        fuse_at: so many blocks of attention within each feature come first; with 0 features see each
            other from the first block on (early), with more later (deep). A feature that is one token
            has nothing to attend to, and the other half of these blocks.

    Call arguments and Returns: see `Fusion`.

    Raises:
        ConfigError: an argument out of its range, a width that the heads do not part evenly.
    """

    def __init__(
        self,
        width: int = 128,
        heads: int = 4,
        hidden: int | None = None,
        dropout: float = 0.1,
        fuse_at: int = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(width, **kwargs)
        name = type(self).__name__
        demand_whole(name, heads=heads)
        demand_whole(name, least=0, most=100, fuse_at=fuse_at)
        if hidden is not None:
            demand_whole(name, hidden=hidden)
        if width % heads:
            raise ConfigError(
                f"{name}: heads part the width evenly. Received: width={width}, heads={heads}.",
                ("heads",),
            )
        demand_share(name, dropout=dropout)
        self.heads = heads
        self.hidden = hidden
        self.dropout = dropout
        self.fuse_at = fuse_at

    def build(
        self,
        tokens_shape: dict[str, Any],
        masks_shape: dict[str, Any],
        presence_shape: dict[str, Any],
    ) -> None:
        self.entries = {}
        for number, name in enumerate(sorted(tokens_shape)):
            entry = keras.layers.Dense(self.width, dtype=self.dtype_policy, name=f"entry_{number}")
            entry.build((None, *tokens_shape[name][1:]))
            self.entries[name] = entry
        # One list, each feature's blocks after the other: Keras looks no deeper.
        self.alone = [
            self.block(f"alone_{number}_{n}", tokens_shape[name][1])
            for number, name in enumerate(sorted(tokens_shape))
            for n in range(self.fuse_at)
        ]

    def block(self, name: str, looked_at: int | None = None) -> AttentionBlock:
        """A built block of attention to so many tokens."""
        made = AttentionBlock(
            self.heads,
            self.hidden or 2 * self.width,
            self.dropout,
            dtype=self.dtype_policy,
            name=name,
        )
        made.build((None, None, self.width), at_shape=(None, looked_at, self.width))
        return made

    def entered(
        self, tokens: dict[str, Any], masks: dict[str, Any], training: bool | None
    ) -> dict[str, Any]:
        """The features' tokens of one width, in order, as they are when they first see each other."""
        found = {}
        for number, name in enumerate(sorted(tokens)):
            valid = ops.expand_dims(masks[name], -1)
            # Zeros first: a padded token that is not finite would survive a weight of 0.
            x = self.entries[name](ops.where(valid, tokens[name], ops.zeros_like(tokens[name])))
            for block in self.alone[number * self.fuse_at : (number + 1) * self.fuse_at]:
                x = block(x, seen(masks[name]), training=training)
            found[name] = x
        return found

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "heads": self.heads,
            "hidden": self.hidden,
            "dropout": self.dropout,
            "fuse_at": self.fuse_at,
        }


def seen(mask: Any) -> Any:
    """What each token may look at: the valid ones of a `(batch, tokens)` mask."""
    return mask[:, None, None, :]
