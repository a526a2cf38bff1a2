"""A picture as one token for each of its patches, by self-attention."""

from typing import Any, ClassVar

import keras
import numpy as np
from keras import ops

from plait._attention_block import AttentionBlock
from plait._convolution import Conv2D
from plait._dropout import Dropout
from plait._ranges import demand_share, demand_whole
from plait.encoders._encoder import Encoder
from plait.encoders._picture_steps import first_step
from plait.encoders._smooth_start import SmoothHeNormal
from plait.errors import ConfigError

# Tokens that a patch's size is chosen for: attention takes as much again for each other one.
_MOST_PATCHES = 200
_SMALL_SIDE = 16
# About the sides of a grid, so that each wave tells some of its places apart.
_LONGEST_WAVE = 100.0


@keras.saving.register_keras_serializable(package="plait")
class ImagePatches(Encoder):
    """Patches of a picture, each a token, that look at each other (ViT).

    A patch is brought to a token by one linear map, whose kernels begin smooth (`SmoothHeNormal`). A
    learnt place is added, which begins as sines and cosines of its row and its column: that neighbours
    are alike need not be learnt. A block is x + attention(norm(x)), then x + W_2 gelu(W_1 norm(x)).

    Convolutions know from the start that near pixels belong together and that a thing is the same
    anywhere. Here all of that is learnt, which takes many pictures.

    Args:
        width: the size of each token.
        patch: the side of a patch in pixels. If None, the smallest of 4, 8, 16, ... by which there are
            at most 200 patches; from 2 on in pictures of a side of at most 16. A picture that it does
            not divide is padded at the right and at the bottom.
        blocks: how many.
        heads: of attention; they part `width` evenly.
        hidden: the size inside a block's second half; twice the width if None.
        dropout: on the tokens that enter the blocks and on what a block adds.

    Call arguments:
        values: `(batch, height, width, channels)` float.

    Returns:
        `"tokens"` `(batch, patches, width)`, row by row; `"mask"` `(batch, patches)`; and `"maps"`,
        from coarse to fine: the tokens as a map, then that with each position unfolded into 2 x 2 of a
        fourth of the channels, and so on, until a position is 4 pixels (2 in small pictures) or less.

    Raises:
        ConfigError: an argument out of its range, a width that the heads do not part evenly.

    Example:
        given = ImagePatches(32, patch=8)(keras.ops.ones((2, 64, 48, 3)))
        given["tokens"].shape  # (2, 48, 32)
        [tuple(found.shape) for found in given["maps"]]  # [(2, 8, 6, 32), (2, 16, 12, 8)]

    References:
        A. Dosovitskiy et al., "An Image is Worth 16x16 Words: Transformers for Image Recognition at
        Scale", 2021. L. Beyer, X. Zhai, A. Kolesnikov, "Better plain ViT baselines for ImageNet-1k",
        2022, for sines, and for no token of a class. Y. Li, H. Mao, R. Girshick, K. He, "Exploring
        Plain Vision Transformer Backbones for Object Detection", 2022, for finer maps out of the last
        one alone; there transposed convolutions make them, here they are unfolded without a weight.
    """

    modality: ClassVar[str | None] = "image"

    def __init__(
        self,
        width: int = 128,
        patch: int | None = None,
        blocks: int = 4,
        heads: int = 4,
        hidden: int | None = None,
        dropout: float = 0.1,
        **kwargs: Any,
    ) -> None:
        super().__init__(width, **kwargs)
        sizes = {"patch": patch, "hidden": hidden}
        demand_whole("ImagePatches", **{n: v for n, v in sizes.items() if v is not None})
        demand_whole("ImagePatches", blocks=blocks, heads=heads)
        if width % heads:
            raise ConfigError(
                f"ImagePatches: heads part the width evenly. Received: width={width}, heads={heads}.",
                ("heads",),
            )
        demand_share("ImagePatches", dropout=dropout)
        self.patch = patch
        self.blocks = blocks
        self.heads = heads
        self.hidden = hidden
        self.dropout = dropout

    @property
    def least_weights(self) -> int:
        return self.blocks

    def build(self, values_shape: Any, lengths_shape: Any = None) -> None:
        _, height, width, channels = values_shape
        policy, side = self.dtype_policy, self.patch or _patch(height, width)
        self.size, self.side = (height, width), side
        self.grid = (-(-height // side), -(-width // side))
        self.enter = Conv2D(
            self.width,
            side,
            strides=side,
            kernel_initializer=SmoothHeNormal(),
            dtype=policy,
            name="enter",
        )
        self.enter.build((None, self.grid[0] * side, self.grid[1] * side, channels))
        places = waves(*self.grid, self.width)
        self.places = self.add_weight(
            shape=places.shape, initializer=keras.initializers.Constant(places), name="places"
        )
        self.drop = Dropout(self.dropout, dtype=policy)
        shape = (None, *places.shape)
        self.stack = []
        for number in range(self.blocks):
            block = AttentionBlock(
                self.heads,
                self.hidden or 2 * self.width,
                self.dropout,
                dtype=policy,
                name=f"block_{number}",
            )
            block.build(shape)
            self.stack.append(block)
        self.norm = keras.layers.LayerNormalization(epsilon=1e-5, dtype=policy, name="norm")
        self.norm.build(shape)

    def call(
        self, values: Any, lengths: Any = None, training: bool | None = None
    ) -> dict[str, Any]:
        below, right = (
            count * self.side - side for count, side in zip(self.grid, self.size, strict=True)
        )
        x = self.enter(ops.pad(values, ((0, 0), (0, below), (0, right), (0, 0))))
        x = ops.reshape(x, (-1, *self.places.shape)) + self.places
        x = self.drop(x, training=training)
        mask = ops.ones_like(x[..., 0], dtype="bool")
        for block in self.stack:
            x = block(x, mask[:, None, None, :], training=training)
        tokens = self.norm(x)
        return {"tokens": tokens, "mask": mask, "maps": self._maps(tokens)}

    def _maps(self, tokens: Any) -> list[Any]:
        maps = [ops.reshape(tokens, (-1, *self.grid, self.width))]
        step, finest = self.side, first_step(*self.size)
        while step > finest and step % 2 == 0 and maps[-1].shape[-1] >= 4:
            step //= 2
            # Without the padding, as strided convolutions cover a picture.
            high, wide = (-(-side // step) for side in self.size)
            maps.append(unfolded(maps[-1])[:, :high, :wide])
        return maps

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "patch": self.patch,
            "blocks": self.blocks,
            "heads": self.heads,
            "hidden": self.hidden,
            "dropout": self.dropout,
        }


def _patch(height: int, width: int) -> int:
    """The side of the patches of such a picture."""
    side = 2 if min(height, width) <= _SMALL_SIDE else 4
    while -(-height // side) * -(-width // side) > _MOST_PATCHES:
        side *= 2
    return side


def waves(rows: int, columns: int, width: int) -> np.ndarray:
    """`(rows * columns, width)` float32: sines and cosines of the row, then of the column."""
    count = width // 4
    rates = _LONGEST_WAVE ** (-np.arange(count) / max(count, 1))
    row, column = np.meshgrid(np.arange(rows), np.arange(columns), indexing="ij")
    angles = [np.outer(place.ravel(), rates) for place in (row, column)]
    found = [wave(angle) for angle in angles for wave in (np.sin, np.cos)]
    places = np.concatenate(found, axis=-1)
    return np.pad(places, ((0, 0), (0, width - 4 * count))).astype("float32")


def unfolded(x: Any) -> Any:
    """Each position as 2 x 2 of a fourth of its channels; up to three channels are left out.

    Args:
        x: `(batch, height, width, channels)`.
    """
    _, height, width, channels = x.shape
    count = channels // 4
    x = ops.reshape(x[..., : 4 * count], (-1, height, width, 2, 2, count))
    return ops.reshape(ops.transpose(x, (0, 1, 3, 2, 4, 5)), (-1, 2 * height, 2 * width, count))
