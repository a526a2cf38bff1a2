"""A head for the logarithm of a mean."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from plait.heads._linear_head import LinearHead

_START = 0.01
"""Of the variance that other linear heads begin with: what exp makes of ten is no start."""


@keras.saving.register_keras_serializable(package="plait")
class CountHead(LinearHead):
    """z = W · mean(tokens) + b, of which the first logit is bent where its exponential would run away.

    The first is the logarithm of a mean. Up to `top` it is z, beyond that top + log(1 + z - top): the
    mean goes on growing on a line, with the slope that it has at `top`. So one row that is far off
    costs in proportion to how far, and not e to that power. W begins small, so that the start is near
    the prior whatever size an encoder's tokens have.

    Args:
        size: 1, or 2 where a second logit says something else.
        top: such as the logarithm of the largest mean that is to be expected.
        dropout, prior: see `LinearHead`.

    Call arguments, Returns and Raises: see `LinearHead`.

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
        super().__init__(size, dropout, prior, **kwargs)
        self.top = float(top)

    @property
    def kernel_initializer(self) -> Any:
        return keras.initializers.VarianceScaling(_START, "fan_in", "uniform")

    def call(self, tokens: Any, mask: Any = None, training: bool | None = None) -> Any:
        logits = super().call(tokens, mask, training=training)
        first = logits[:, :1]
        beyond = ops.maximum(first - self.top, 0.0)
        bent = ops.minimum(first, self.top) + ops.log1p(beyond)
        return ops.concatenate([bent, logits[:, 1:]], axis=-1)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "top": self.top}
