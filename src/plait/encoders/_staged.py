"""What encoders of pictures in stages have in common."""

import abc
from collections.abc import Sequence
from typing import Any, ClassVar

from keras import ops

from plait._ranges import demand_channels, demand_share, demand_whole
from plait.encoders._encoder import Encoder
from plait.encoders._picture_steps import first_step, stages


class Staged(Encoder, abc.ABC):
    """Stages of blocks, each of which sees a map of half the sides, and a map of each.

    Args:
        width: the size of each token.
        channels: of each stage; by the picture's size, out of `most_channels`, if None.
        blocks: in each stage.
        dropout: in the blocks or on the tokens.
        stride: of the first convolution, in pixels; by the picture's size if None.

    Raises:
        ConfigError: an argument out of its range.
    """

    modality: ClassVar[str | None] = "image"

    most_channels: ClassVar[tuple[int, ...]]
    """Of the stages of a large picture; a small one has the first of them."""

    least_blocks: ClassVar[int] = 1

    def __init__(
        self,
        width: int = 128,
        channels: Sequence[int] | None = None,
        blocks: int = 2,
        dropout: float = 0.1,
        stride: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(width, **kwargs)
        owner = type(self).__name__
        if channels is not None:
            demand_channels(owner, channels)
        if stride is not None:
            demand_whole(owner, least=2, stride=stride)
        demand_whole(owner, least=self.least_blocks, blocks=blocks)
        demand_share(owner, dropout=dropout)
        self.channels = None if channels is None else tuple(channels)
        self.blocks = blocks
        self.dropout = dropout
        self.stride = stride

    @property
    def least_weights(self) -> int:
        return len(self.channels or (1,)) * (1 + self.blocks)

    def layout(self, values_shape: Any) -> tuple[int, tuple[int, ...]]:
        """The stride of the first convolution and the channels of the stages, for a picture."""
        _, height, width, _ = values_shape
        step = self.stride or first_step(height, width)
        return step, tuple(self.channels or stages(height, width, step, self.most_channels))

    @staticmethod
    def given(tokens: Any, maps: Sequence[Any]) -> dict[str, Any]:
        """What the encoder returns, of its tokens and of its maps from fine to coarse."""
        mask = ops.ones_like(tokens[..., 0], dtype="bool")
        return {"tokens": tokens, "mask": mask, "maps": maps[::-1]}

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "channels": self.channels,
            "blocks": self.blocks,
            "dropout": self.dropout,
            "stride": self.stride,
        }
