"""Feature maps joined from coarse to fine."""

from typing import Any

import keras
from keras import ops

from plait._convolution import Conv2D
from plait._dropout import Dropout
from plait.heads._linear_head import masked_mean
from plait.heads._root_mean_square import of_size_1


class Pyramid(keras.layers.Layer):
    """Each map with all coarser ones in it, and with the mean token, that of the fused columns.

    A map, and that mean, is divided by its root mean square in its row, all positions and channels
    together: encoders need not agree on a scale. It is brought to `channels` by a convolution of size
    1, and the joined map before it is enlarged and added; to the coarsest one, what is linear in the
    mean token.

    Args:
        channels: of the joined maps.
        dropout: of the channels of the maps, in training.

    Call arguments: as of `Head`; `of` is a list of feature maps.

    Returns:
        As many maps `(batch, height, width, channels)`.

    References:
        T.-Y. Lin, P. Dollár, R. Girshick, K. He, B. Hariharan and S. Belongie. Feature Pyramid Networks
        for Object Detection, 2017.
    """

    def __init__(self, channels: int, dropout: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.channels = channels
        self.dropout = dropout

    def compute_mask(self, *args: Any, **kwargs: Any) -> None:
        """None: which tokens are valid says nothing of the maps."""

    def build(self, tokens_shape: Any, of_shape: Any) -> None:
        if not of_shape:
            raise ValueError(f"{self.name}: the head reads feature maps, of=[...].")
        self.drop = Dropout(self.dropout, dtype=self.dtype_policy)
        # Small, so that the picture is looked at before what conditions it.
        self.condition = keras.layers.Dense(
            self.channels,
            kernel_initializer=keras.initializers.VarianceScaling(0.1, "fan_avg"),
            dtype=self.dtype_policy,
            name="condition",
        )
        self.condition.build((None, tokens_shape[-1]))
        self.laterals = []
        for n, shape in enumerate(of_shape):
            lateral = Conv2D(
                self.channels,
                1,
                kernel_initializer=keras.initializers.VarianceScaling(1.0),
                dtype=self.dtype_policy,
                name=f"lateral_{n}",
            )
            lateral.build(shape)
            self.laterals.append(lateral)

    def call(self, tokens: Any, of: Any, mask: Any = None, training: bool | None = None) -> Any:
        mean = of_size_1(masked_mean(ops.cast(tokens, "float32"), mask), self.compute_dtype)
        x = self.condition(mean)[:, None, None, :]
        joined = []
        for n, (lateral, given) in enumerate(zip(self.laterals, of, strict=True)):
            own = lateral(self.drop(of_size_1(given, self.compute_dtype), training=training))
            x = own + (x if n == 0 else _enlarged(x, own.shape[1], own.shape[2]))
            joined.append(x)
        return joined


def _enlarged(x: Any, height: int, width: int) -> Any:
    """A map at twice its size or less, each position repeated; `(batch, height, width, channels)`."""
    down, across = (-(-to // side) for to, side in ((height, x.shape[1]), (width, x.shape[2])))
    x = ops.repeat(ops.repeat(x, down, axis=1), across, axis=2)
    return x[:, :height, :width]
