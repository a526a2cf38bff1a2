"""A picture as the tokens of a ConvNeXt."""

from collections.abc import Sequence
from typing import Any, ClassVar

import keras

from plait._convolution import Conv2D
from plait._ranges import demand_number, demand_share
from plait.encoders._inverted_block import InvertedBlock
from plait.encoders._map_tokens import MapTokens
from plait.encoders._smooth_start import SmoothHeNormal
from plait.encoders._staged import Staged


@keras.saving.register_keras_serializable(package="plait")
class ConvNeXt(Staged):
    """Stages of blocks that look wide and mix the channels of each position (ConvNeXt).

    A first convolution cuts the picture into patches of 4 pixels (2 in small pictures), and a norm of
    each position follows. A block is x + scale · W_2 gelu(W_1 norm(depthwise(x))): each channel by a
    kernel of 7 x 7, then the channels of each position, four times as many in between. Between two
    stages, a norm and a convolution of 2 x 2 halve the sides. There are as many stages as bring the
    map's shorter side to at most 6, or as there are channels. The last map becomes tokens as in
    `ImageConv`: one of the whole and one of each position.

    All norms are of the channels of one position, so that a row's placeholder changes nothing
    elsewhere.

    Args:
        width: the size of each token.
        channels: of each stage; by the picture's size, out of 48, 96, 192 and 384, if None.
        blocks: in each stage.
        dropout: on the tokens.
        stride: of the first convolution, in pixels; by the picture's size if None.
        layer_scale: what the scale of each channel that a block adds starts as.
        stochastic_depth: the share of rows that leave the last block out in training, [0, 1). It rises
            evenly from 0 at the first block.

    Call arguments:
        values: `(batch, height, width, channels)` float.

    Returns:
        `"tokens"` `(batch, 1 + positions, width)`, that of the whole picture and then row by row of the
        last map; `"mask"` `(batch, 1 + positions)`; and `"maps"`, the stages' maps from coarse to fine.

    Raises:
        ConfigError: an argument out of its range.

    Example:
        given = ConvNeXt(32, channels=(8, 16))(keras.ops.ones((2, 64, 48, 3)))
        given["tokens"].shape  # (2, 49, 32)
        [tuple(found.shape) for found in given["maps"]]  # [(2, 8, 6, 16), (2, 16, 12, 8)]

    References:
        Z. Liu, H. Mao, C.-Y. Wu, C. Feichtenhofer, T. Darrell, S. Xie, "A ConvNet for the 2020s", 2022.
        H. Touvron et al., "Going deeper with Image Transformers", 2021, for a scale that starts as 0.1
        in nets of few blocks, where the former takes 1e-6. G. Huang et al., "Deep Networks with
        Stochastic Depth", 2016. It differs in its size, half as wide as the smallest of the paper, and
        in that the positions become tokens, where the paper norms their mean.
    """

    most_channels: ClassVar[tuple[int, ...]] = (48, 96, 192, 384)

    def __init__(
        self,
        width: int = 128,
        channels: Sequence[int] | None = None,
        blocks: int = 2,
        dropout: float = 0.1,
        stride: int | None = None,
        layer_scale: float = 0.1,
        stochastic_depth: float = 0.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(width, channels, blocks, dropout, stride, **kwargs)
        owner = type(self).__name__
        demand_share(owner, stochastic_depth=stochastic_depth)
        demand_number(owner, layer_scale=layer_scale)
        self.layer_scale = layer_scale
        self.stochastic_depth = stochastic_depth

    def build(self, values_shape: Any, lengths_shape: Any = None) -> None:
        step, channels = self.layout(values_shape)
        policy, shape = self.dtype_policy, tuple(values_shape)
        last = max(1, len(channels) * self.blocks - 1)
        self.norms, self.steps, self.stages = [], [], []
        for stage, count in enumerate(channels):
            size = 2 if stage else step
            conv = Conv2D(
                count,
                size,
                strides=size,
                padding="same",
                kernel_initializer="he_normal" if stage else SmoothHeNormal(),
                dtype=policy,
                name=f"step_{stage}",
            )
            conv.build(shape)
            # A norm stands behind the first convolution and before the others.
            norm = keras.layers.LayerNormalization(epsilon=1e-5, dtype=policy, name=f"norm_{stage}")
            before, shape = shape, conv.compute_output_shape(shape)
            norm.build(before if stage else shape)
            blocks = []
            for n in range(self.blocks):
                share = self.stochastic_depth * (stage * self.blocks + n) / last
                name = f"block_{stage}_{n}"
                block = InvertedBlock(self.layer_scale, share, dtype=policy, name=name)
                block.build(shape)
                blocks.append(block)
            self.steps.append(conv)
            self.norms.append(norm)
            self.stages.append(blocks)
        self.tokens = MapTokens(self.width, self.dropout, dtype=policy, name="tokens")
        self.tokens.build(shape)

    def call(
        self, values: Any, lengths: Any = None, training: bool | None = None
    ) -> dict[str, Any]:
        maps: list[Any] = []
        x = values
        for step, norm, blocks in zip(self.steps, self.norms, self.stages, strict=True):
            x = step(norm(x)) if maps else norm(step(x))
            for block in blocks:
                x = block(x, training=training)
            maps.append(x)
        tokens = self.tokens(x, training=training)
        return self.given(tokens, maps)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "layer_scale": self.layer_scale,
            "stochastic_depth": self.stochastic_depth,
        }
