"""A head that finds things at the positions of a picture's feature maps."""

import math
from typing import Any

import keras
import numpy as np
from keras import ops

from plait._convolution import Conv2D
from plait._ranges import demand_share, demand_whole
from plait.errors import ConfigError
from plait.heads._head import Head
from plait.heads._pyramid import Pyramid
from plait.heads._sightings import Sightings

_PRIOR = 0.01
"""The share of positions at which there is a thing of a kind, at the start."""
_SIDES = 4.0
"""From a position to the sides of its box at the start, in strides: half of what its map is for."""
_MOST = 8.0
"""Of the logarithm of that: more is no picture."""


@keras.saving.register_keras_serializable(package="plait")
class BoxesHead(Head):
    """At each position of each map: the kinds of things there, the box, and how near its middle is.

    The maps are joined from coarse to fine, to which the mean token, that of the fused columns, is
    added first (see `Pyramid`). Two towers, the same for all maps, then give the kinds and, as
    exp(s_i x), the way to the four sides; s_i is learnt for each map.

    It differs from the paper in that the maps are the encoder's own, of any number, that a tower is
    `blocks` residual convolutions without a norm, that a position's box begins at the size that its map
    is for, and that what gives the answers begins at no hundredth: the encoder learns from them.

    Args:
        kinds: how many kinds of things there are.
        frame: (height, width) of the picture as its encoder reads it.
        channels: of the joined maps.
        blocks: convolutions in each tower.
        dropout: of the channels of the maps, in training.

    Call arguments: see `Head`; `of` is a list of feature maps.

    Returns:
        `(batch, positions, kinds + 8)` float32, positions row by row and from the coarsest map to the
        finest: see `Sightings`.

    Raises:
        ConfigError: an argument out of its range.

    Example:
        maps = [keras.ops.ones((2, 4, 6, 16)), keras.ops.ones((2, 8, 12, 8))]
        BoxesHead(3, (32, 48))(keras.ops.ones((2, 1, 8)), of=maps).shape  # (2, 120, 11)

    References:
        Z. Tian, C. Shen, H. Chen and T. He. FCOS: A Simple and Strong Anchor-Free Object Detector,
        2022.
    """

    def __init__(
        self,
        kinds: int,
        frame: tuple[int, int],
        channels: int = 64,
        blocks: int = 1,
        dropout: float = 0.1,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        demand_whole("BoxesHead", kinds=kinds, channels=channels)
        demand_whole("BoxesHead", least=0, blocks=blocks)
        demand_share("BoxesHead", dropout=dropout)
        if len(frame) != 2:
            raise ConfigError(f"BoxesHead: frame is (height, width). Received: {frame!r}")
        demand_whole("BoxesHead", height=frame[0], width=frame[1])
        self.kinds = kinds
        self.frame = tuple(frame)
        self.channels = channels
        self.blocks = blocks
        self.dropout = dropout
        self.pyramid = Pyramid(channels, dropout, dtype=self.dtype_policy, name="pyramid")

    def build(self, tokens_shape: Any, mask_shape: Any = None, of_shape: Any = None) -> None:
        self.pyramid.build(tokens_shape, of_shape)
        inner = (None, None, None, self.channels)
        self.towers = {
            name: [self._conv(inner, f"{name}_{n}") for n in range(self.blocks)]
            for name in ("what", "where")
        }
        rare = keras.initializers.Constant(-math.log((1 - _PRIOR) / _PRIOR))
        self.what = self._answer(inner, self.kinds, rare, "kinds")
        self.where = self._answer(inner, 4, "zeros", "sides")
        self.near = self._answer(inner, 1, "zeros", "middle")
        # Half precision would round it to a 256th.
        self.scales = self.add_weight(
            shape=(len(of_shape),),
            initializer="ones",
            dtype="float32",
            autocast=False,
            name="scale",
        )
        self.grids = [_grid(self.frame, shape[1], shape[2]) for shape in of_shape]

    def _conv(self, shape: Any, name: str) -> Conv2D:
        conv = Conv2D(
            self.channels,
            3,
            padding="same",
            kernel_initializer=keras.initializers.VarianceScaling(0.5),
            dtype=self.dtype_policy,
            name=name,
        )
        conv.build(shape)
        return conv

    def _answer(self, shape: Any, size: int, bias: Any, name: str) -> Conv2D:
        # Half precision would round a side of 300 pixels to whole ones, and rare kinds away.
        conv = Conv2D(
            size,
            3,
            padding="same",
            kernel_initializer=keras.initializers.VarianceScaling(0.5),
            bias_initializer=bias,
            dtype="float32",
            name=name,
        )
        conv.build(shape)
        return conv

    def call(
        self, tokens: Any, mask: Any = None, training: bool | None = None, of: Any = None
    ) -> Any:
        joined = self.pyramid(tokens, of, mask=mask, training=training)
        found = [self._found(x, n) for n, x in enumerate(joined)]
        return ops.concatenate(found, axis=1)

    def _found(self, x: Any, level: int) -> Any:
        """The logits of one map's positions."""
        what, where = self._tower(x, "what"), self._tower(x, "where")
        places, stride = self.grids[level]
        kinds, sides, near = (
            ops.reshape(answer(tower), (-1, len(places), answer.filters))
            for answer, tower in ((self.what, what), (self.where, where), (self.near, where))
        )
        logs = math.log(_SIDES) + self.scales[level] * sides
        sides = stride * ops.exp(ops.minimum(logs, _MOST))
        # Adding zeros is what gives what is known the size of the batch.
        places = ops.convert_to_tensor(places) + ops.zeros_like(sides[..., :2])
        boxes = ops.concatenate([places - sides[..., :2], places + sides[..., 2:]], axis=-1)
        strides = stride + ops.zeros_like(near[..., 0])
        return Sightings(kinds, near[..., 0], boxes, places, strides).logits

    def _tower(self, x: Any, name: str) -> Any:
        for conv in self.towers[name]:
            x = x + conv(ops.relu(x))
        return ops.cast(ops.relu(x), "float32")

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "kinds": self.kinds,
            "frame": self.frame,
            "channels": self.channels,
            "blocks": self.blocks,
            "dropout": self.dropout,
        }


def _grid(frame: tuple[int, ...], height: int, width: int) -> tuple[np.ndarray, float]:
    """The x and y of a map's positions in the frame's pixels, `(positions, 2)`, and its stride."""
    down, across = _strides(frame, height, width)
    y, x = np.meshgrid(
        (np.arange(height) + 0.5) * down, (np.arange(width) + 0.5) * across, indexing="ij"
    )
    return np.stack([x, y], axis=-1).reshape(-1, 2).astype("float32"), max(down, across)


def _strides(frame: tuple[int, ...], height: int, width: int) -> tuple[float, float]:
    """How many pixels of the frame lie between two positions of a map, down and across.

    Steps of convolutions are powers of two that cover the frame, so that 180 pixels have 45, 23, 12 and
    6 positions, and 6 of them are 32 pixels apart and not 30. Other maps fill the frame evenly.
    """
    covering = 2 ** math.ceil(math.log2(max(frame[0] / height, frame[1] / width)))
    if tuple(-(-side // covering) for side in frame) == (height, width):
        return covering, covering
    return frame[0] / height, frame[1] / width
