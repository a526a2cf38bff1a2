"""A series as one token for each of its steps, by self-attention."""

from typing import Any, ClassVar

import keras
from keras import ops

from plait._attention_block import AttentionBlock
from plait._ranges import demand_share, demand_whole
from plait.encoders._encoder import Encoder
from plait.encoders._steps import LastStep, valid_steps
from plait.errors import ConfigError

_LONGEST_WAVE = 10_000.0


@keras.saving.register_keras_serializable(package="plait")
class SeriesTransformer(Encoder):
    """Self-attention between the steps, of which each knows how far it is from the last one.

    A block is x + attention(norm(x)), then x + W_2 gelu(W_1 norm(x)). Steps are counted backwards
    from the last valid one, by sines and cosines, so that the end of a series looks the same
    whatever its length. A linear path stands beside the net.

    Args:
        width: the size of each token.
        blocks: how many.
        heads: of attention; they part `width` evenly.
        hidden: the size inside a block's second half; twice the width if None.
        causal: whether a token knows its own and earlier steps alone.
        dropout: on what a block adds.

    Call arguments:
        values: `(batch, steps, channels)` float.
        lengths: `(batch,)` int32, valid steps; all of them if None.

    Returns:
        `"tokens"` `(batch, steps, width)` and `"mask"` `(batch, steps)`, with one step at least.

    Raises:
        ConfigError: an argument out of its range, a width that the heads do not part evenly.

    References:
        A. Vaswani et al., "Attention Is All You Need", 2017; R. Xiong et al., "On Layer Normalization
        in the Transformer Architecture", 2020, for the norm before each half of a block.
    """

    modality: ClassVar[str | None] = "series"

    def __init__(
        self,
        width: int = 128,
        blocks: int = 2,
        heads: int = 4,
        hidden: int | None = None,
        causal: bool = False,
        dropout: float = 0.1,
        **kwargs: Any,
    ) -> None:
        super().__init__(width, **kwargs)
        demand_whole("SeriesTransformer", blocks=blocks, heads=heads)
        if hidden is not None:
            demand_whole("SeriesTransformer", hidden=hidden)
        if width % heads:
            raise ConfigError(
                f"SeriesTransformer: heads part the width evenly. Received: width={width}, "
                f"heads={heads}.",
                ("heads",),
            )
        demand_share("SeriesTransformer", dropout=dropout)
        self.blocks = blocks
        self.heads = heads
        self.hidden = hidden
        self.causal = causal
        self.dropout = dropout

    @property
    def least_weights(self) -> int:
        return self.blocks

    def build(self, values_shape: Any, lengths_shape: Any = None) -> None:
        policy, width = self.dtype_policy, self.width
        self.enter = keras.layers.Dense(width, dtype=policy, name="enter")
        self.enter.build(values_shape)
        shape = (None, values_shape[1], width)
        self.stack = []
        for number in range(self.blocks):
            block = AttentionBlock(
                self.heads,
                self.hidden or 2 * width,
                self.dropout,
                dtype=policy,
                name=f"block_{number}",
            )
            block.build(shape)
            self.stack.append(block)
        self.norm = keras.layers.LayerNormalization(epsilon=1e-5, dtype=policy, name="norm")
        self.norm.build(shape)
        self.linear = keras.layers.Dense(width, use_bias=False, dtype=policy, name="linear")
        self.linear.build(values_shape)
        self.last = LastStep(dtype=policy, name="last")
        self.last.build(shape)

    def call(
        self, values: Any, lengths: Any = None, training: bool | None = None
    ) -> dict[str, Any]:
        lengths, mask = valid_steps(values, lengths)
        steps = ops.arange(values.shape[1], dtype="int32")
        seen = mask[:, None, None, :]
        if self.causal:
            seen = ops.logical_and(seen, steps[None, None, None, :] <= steps[None, None, :, None])
        x = self.enter(values)
        x = x + ops.cast(self._places(lengths[:, None] - 1 - steps[None, :]), x.dtype)
        for block in self.stack:
            x = block(x, seen, training=training)
        tokens = self.norm(x) + self.linear(values)
        return {"tokens": self.last(tokens, lengths), "mask": mask}

    def _places(self, back: Any) -> Any:
        """`(batch, steps, width)` of sines and cosines of the steps until the last one."""
        half = self.width // 2
        rates = _LONGEST_WAVE ** (-ops.arange(half, dtype="float32") / max(half, 1))
        angles = ops.cast(back, "float32")[..., None] * rates
        places = ops.concatenate([ops.sin(angles), ops.cos(angles)], axis=-1)
        return ops.pad(places, ((0, 0), (0, 0), (0, self.width - 2 * half)))

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "blocks": self.blocks,
            "heads": self.heads,
            "hidden": self.hidden,
            "causal": self.causal,
            "dropout": self.dropout,
        }
