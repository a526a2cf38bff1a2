"""A head for the logarithm of a mean."""

import math
from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from plait._ranges import demand_whole
from plait.errors import ConfigError
from plait.heads._head import Head
from plait.heads._linear_head import LinearHead

# A spread of a tenth of the tokens' size: exp makes thousands of the ten that pictures begin with.
# Told and not made here: what is made draws its seed at once, and gives each head the same weights.
_START = {
    "class_name": "VarianceScaling",
    "config": {"scale": 0.01, "mode": "fan_in", "distribution": "uniform"},
}


@keras.saving.register_keras_serializable(package="plait")
class CountHead(Head):
    """z = W · mean(tokens) + b, of which the first logit is bent where its exponential would run away.

    The first is the logarithm of a mean. Up to `top` it is z, beyond that top + log(1 + z - top): the
    mean goes on growing on a line, with the slope that it has at `top`. So one row that is far off
    costs in proportion to how far, and not e to that power. W begins small, for a start near the prior.

    Args:
        size: 1, or 2 where a second logit says something else.
        top: such as the logarithm of the largest mean that is to be expected.
        dropout, prior: see `LinearHead`.

    Call arguments and Returns: see `LinearHead`.

    Raises:
        ConfigError: an argument that cannot be.

    Example:
        CountHead(2, top=3.0)(keras.ops.ones((2, 1, 8))).shape  # (2, 2)
    """

    def __init__(
        self,
        size: int = 1,
        top: float = 10.0,
        dropout: float = 0.1,
        prior: Sequence[float] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        demand_whole("CountHead", most=2, size=size)
        if not isinstance(top, int | float) or math.isnan(top):
            raise ConfigError(f"CountHead: top is a number. Received: {top!r}", ("top",))
        self.size = size
        self.top = float(top)
        self.dropout = dropout
        self.linear = LinearHead(
            size, dropout, prior, kernel_initializer=_START, dtype=self.dtype_policy, name="linear"
        )
        self.prior = self.linear.prior

    def build(self, tokens_shape: Any, mask_shape: Any = None) -> None:
        self.linear.build(tokens_shape)

    def call(self, tokens: Any, mask: Any = None, training: bool | None = None) -> Any:
        logits = self.linear(tokens, mask=mask, training=training)
        first = logits[:, :1]
        beyond = ops.maximum(first - self.top, 0.0)
        bent = ops.minimum(first, self.top) + ops.log1p(beyond)
        return ops.concatenate([bent, logits[:, 1:]], axis=-1)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "size": self.size,
            "top": self.top,
            "dropout": self.dropout,
            "prior": self.prior,
        }
