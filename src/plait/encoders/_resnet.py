"""A picture as the tokens of a residual net."""

from typing import Any, ClassVar

import keras

from plait._convolution import Conv2D
from plait.encoders._basic_block import BasicBlock, group_norm
from plait.encoders._map_tokens import MapTokens
from plait.encoders._smooth_start import SmoothHeNormal
from plait.encoders._staged import Staged


@keras.saving.register_keras_serializable(package="plait")
class ResNet(Staged):
    """Stages of residual blocks of two convolutions each, normed row by row (ResNet).

    A first convolution steps by 4 pixels (2 in small pictures). A block is
    x + conv(relu(norm(conv(relu(norm(x)))))), the norm of groups of channels in one row; the first
    block of each later stage steps by 2. There are as many stages as bring the map's shorter side to
    at most 6, or as there are channels. The last map, normed, becomes tokens as in `ImageConv`: one of
    the whole and one of each position.

    Nothing is normed over the batch, so that a row's placeholder changes nothing elsewhere.

    Args:
        width: the size of each token.
        channels: of each stage; by the picture's size, out of 32, 64, 128 and 256, if None.
        blocks: residual blocks in each stage.
        dropout: in the blocks and on the tokens.
        stride: of the first convolution, in pixels; by the picture's size if None.

    Call arguments:
        values: `(batch, height, width, channels)` float.

    Returns:
        `"tokens"` `(batch, 1 + positions, width)`, that of the whole picture and then row by row of the
        last map; `"mask"` `(batch, 1 + positions)`; and `"maps"`, the stages' maps from coarse to fine.

    Raises:
        ConfigError: an argument out of its range.

    Example:
        given = ResNet(32, channels=(8, 16))(keras.ops.ones((2, 64, 48, 3)))
        given["tokens"].shape  # (2, 49, 32)
        [tuple(found.shape) for found in given["maps"]]  # [(2, 8, 6, 16), (2, 16, 12, 8)]

    References:
        K. He, X. Zhang, S. Ren, J. Sun, "Deep Residual Learning for Image Recognition", 2016, and
        "Identity Mappings in Deep Residual Networks", 2016, for the norm before each convolution.
        Y. Wu, K. He, "Group Normalization", 2018. It differs in its size, half as wide; in the first
        convolution, which steps far at once where theirs is followed by max pooling, whose gradient is
        slow; and past a block that shrinks the map, all positions are seen and not each fourth.
    """

    most_channels: ClassVar[tuple[int, ...]] = (32, 64, 128, 256)

    def build(self, values_shape: Any, lengths_shape: Any = None) -> None:
        step, channels = self.layout(values_shape)
        policy = self.dtype_policy
        self.enter = Conv2D(
            channels[0],
            step + 2,
            strides=step,
            padding="same",
            use_bias=False,
            kernel_initializer=SmoothHeNormal(),
            dtype=policy,
            name="enter",
        )
        self.enter.build(values_shape)
        shape = self.enter.compute_output_shape(values_shape)
        self.stages = []
        for stage, count in enumerate(channels):
            blocks = []
            for n in range(self.blocks):
                stride = 2 if stage and not n else 1
                name = f"block_{stage}_{n}"
                block = BasicBlock(count, stride, self.dropout, dtype=policy, name=name)
                block.build(shape)
                shape = (None, *(-(-side // stride) for side in shape[1:3]), count)
                blocks.append(block)
            self.stages.append(blocks)
        self.norm = group_norm(shape, policy, "norm")
        self.tokens = MapTokens(self.width, self.dropout, dtype=policy, name="tokens")
        self.tokens.build(shape)

    def call(
        self, values: Any, lengths: Any = None, training: bool | None = None
    ) -> dict[str, Any]:
        maps: list[Any] = []
        x = self.enter(values)
        for blocks in self.stages:
            for block in blocks:
                x = block(x, training=training)
            maps.append(x)
        tokens = self.tokens(self.norm(x), training=training)
        return self.given(tokens, maps)
