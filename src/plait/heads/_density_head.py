"""A head for how many things there are in a picture."""

import math
from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from plait._convolution import Conv2D
from plait._ranges import demand_share, demand_whole
from plait.errors import ConfigError
from plait.heads._head import Head
from plait.heads._linear_head import LinearHead
from plait.heads._pyramid import Pyramid

_LEAST = 1e-6
"""Of a mean: its logarithm is finite."""


@keras.saving.register_keras_serializable(package="plait")
class DensityHead(Head):
    """The logarithm of a mean that is a sum over a picture's places: log Σ softplus(z).

    z is linear in x + conv(relu(x)), x the finest of the joined maps (see `Pyramid`). So what one
    thing adds is learnt where it lies, and two are twice as many. At the start z is nearly the same
    everywhere, such that the sum is e^prior.

    Args:
        size: 1, or 2 where a second logit, of the mean token as in `LinearHead`, says something else.
        channels: of the joined maps.
        dropout: of the channels of the maps and of the mean token, in training.
        prior: what the logits start as; zeros if None.

    Call arguments: see `Head`; `of` is a list of feature maps.

    Returns:
        `(batch, size)` float32.

    Raises:
        ConfigError: an argument that cannot be.

    Example:
        maps = [keras.ops.ones((2, 4, 6, 16)), keras.ops.ones((2, 8, 12, 8))]
        DensityHead(1)(keras.ops.ones((2, 1, 8)), of=maps).shape  # (2, 1)

    References:
        V. Lempitsky and A. Zisserman. Learning To Count Objects in Images, 2010, for a count as the sum
        of a density; here the counts alone are learnt from, not where the things are.
    """

    def __init__(
        self,
        size: int = 1,
        channels: int = 32,
        dropout: float = 0.1,
        prior: Sequence[float] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        demand_whole("DensityHead", most=2, size=size)
        demand_whole("DensityHead", channels=channels)
        demand_share("DensityHead", dropout=dropout)
        if prior is not None and len(prior) != size:
            raise ConfigError(
                f"DensityHead: prior has one number for each of the {size} logits, or is None. "
                f"Received {len(prior)} numbers."
            )
        self.size = size
        self.channels = channels
        self.dropout = dropout
        self.prior = None if prior is None else [float(value) for value in prior]
        self.pyramid = Pyramid(channels, dropout, dtype=self.dtype_policy, name="pyramid")
        rest = None if self.prior is None else self.prior[1:]
        self.rest = (
            LinearHead(1, dropout, rest, dtype=self.dtype_policy, name="rest")
            if size == 2
            else None
        )

    def build(self, tokens_shape: Any, mask_shape: Any = None, of_shape: Any = None) -> None:
        self.pyramid.build(tokens_shape, of_shape)
        if self.rest is not None:
            self.rest.build(tokens_shape)
        inner = (None, *of_shape[-1][1:3], self.channels)
        self.block = Conv2D(
            self.channels,
            3,
            padding="same",
            kernel_initializer=keras.initializers.VarianceScaling(0.5),
            dtype=self.dtype_policy,
            name="block",
        )
        self.block.build(inner)
        each = math.exp(self.prior[0] if self.prior else 0.0) / (inner[1] * inner[2])
        # Half precision would lose a small density among many places.
        self.density = keras.layers.Dense(
            1,
            kernel_initializer=keras.initializers.VarianceScaling(0.01),
            bias_initializer=keras.initializers.Constant(each + math.log(-math.expm1(-each))),
            dtype="float32",
            name="density",
        )
        self.density.build(inner)

    def call(
        self, tokens: Any, mask: Any = None, training: bool | None = None, of: Any = None
    ) -> Any:
        x = self.pyramid(tokens, of, mask=mask, training=training)[-1]
        x = ops.relu(x + self.block(ops.relu(x)))
        mean = ops.sum(ops.softplus(self.density(x)), axis=(1, 2))
        first = ops.log(mean + _LEAST)
        if self.rest is None:
            return first
        return ops.concatenate([first, self.rest(tokens, mask=mask, training=training)], axis=-1)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "size": self.size,
            "channels": self.channels,
            "dropout": self.dropout,
            "prior": self.prior,
        }
