"""A picture as the tokens of a small convolutional net."""

from collections.abc import Sequence
from typing import Any, ClassVar

import keras
from keras import ops

from plait._convolution import Conv2D
from plait._dropout import Dropout
from plait.encoders._residual_block import built_block
from plait.encoders._smooth_start import SmoothHeNormal
from plait.encoders._staged import Staged


@keras.saving.register_keras_serializable(package="plait")
class ImageConv(Staged):
    """Strided convolutions and residual blocks; each position of the last map is a token.

    There is no pooling between the convolutions, whose gradient costs as much as one of them on a
    CPU: a first convolution steps by 4 pixels (2 in small pictures), later ones by 2, until the map's
    shorter side is at most 6 or the channels are used up. The first one's kernels begin smooth
    (`SmoothHeNormal`). A learnt place is added to each position of the last map, and one more token
    is of each channel's maximum over all positions.

    Args:
        width: the size of each token.
        channels: of each stage; by the picture's size, out of 32, 64, 128 and 192, if None.
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
    """

    most_channels: ClassVar[tuple[int, ...]] = (32, 64, 128, 192)
    least_blocks: ClassVar[int] = 0

    def __init__(
        self,
        width: int = 128,
        channels: Sequence[int] | None = None,
        blocks: int = 1,
        dropout: float = 0.1,
        stride: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(width, channels, blocks, dropout, stride, **kwargs)

    def build(self, values_shape: Any, lengths_shape: Any = None) -> None:
        step, channels = self.layout(values_shape)
        shape = tuple(values_shape)
        self.steps, self.stages = [], []
        for stage, count in enumerate(channels):
            stride = step if stage == 0 else 2
            conv = Conv2D(
                count,
                stride + 1 if stage else stride + 2,
                strides=stride,
                padding="same",
                kernel_initializer="he_normal" if stage else SmoothHeNormal(),
                dtype=self.dtype_policy,
                name=f"step_{stage}",
            )
            conv.build(shape)
            shape = conv.compute_output_shape(shape)
            self.steps.append(conv)
            self.stages.append(
                [
                    built_block(shape, self.dropout, self.dtype_policy, f"block_{stage}_{i}")
                    for i in range(self.blocks)
                ]
            )
        self.drop = Dropout(self.dropout, dtype=self.dtype_policy)
        self.project = keras.layers.Dense(self.width, dtype=self.dtype_policy, name="project")
        self.project.build((None, None, shape[-1]))
        self.whole = keras.layers.Dense(self.width, dtype=self.dtype_policy, name="whole")
        self.whole.build((None, None, shape[-1]))
        self.places = self.add_weight(
            shape=(shape[1] * shape[2], shape[-1]),
            initializer=keras.initializers.RandomNormal(stddev=0.02),
            name="places",
        )

    def call(
        self, values: Any, lengths: Any = None, training: bool | None = None
    ) -> dict[str, Any]:
        maps: list[Any] = []
        x = values
        for step, blocks in zip(self.steps, self.stages, strict=True):
            x = step(x)
            for block in blocks:
                x = block(x, training=training)
            maps.append(x)
        x = ops.reshape(x, (-1, *self.places.shape))
        # The relu after the place makes what a channel says depend on where it says it.
        x = ops.relu(x + self.places)
        maxima = ops.max(x, axis=1, keepdims=True)
        whole = self.whole(self.drop(maxima, training=training))
        tokens = self.project(self.drop(x, training=training))
        tokens = ops.concatenate([whole, tokens], axis=1)
        return self.given(tokens, maps)
