"""A linear head on the mean token."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from plait._dropout import Dropout
from plait.errors import ConfigError
from plait.heads._head import Head


def masked_mean(tokens: Any, mask: Any = None) -> Any:
    """The mean `(batch, width)` of a row's valid tokens; 0 where there is none.

    Args:
        tokens: `(batch, tokens, width)`.
        mask: `(batch, tokens)` bool, or None if all are valid.
    """
    if mask is None:
        return ops.mean(tokens, axis=1)
    valid = ops.expand_dims(mask, -1)
    total = ops.sum(ops.where(valid, tokens, ops.zeros_like(tokens)), axis=1)
    return total / ops.maximum(ops.sum(ops.cast(valid, tokens.dtype), axis=1), 1)


@keras.saving.register_keras_serializable(package="plait")
class LinearHead(Head):
    """Logits as a linear function of the mean of the task's tokens: W · mean(tokens) + b.

    Linear throughout, so that together with a linear path through encoder, fusion and trunk it
    contains the linear model of the same inputs.

    Args:
        size: how many logits.
        dropout: the share of the mean token that is dropped in training.
        prior: what b starts as, such as the log of the classes' shares: the model then starts near
            the trivial answer. Zeros if None.
        kernel_initializer: of W, as of `keras.layers.Dense`.

    Call arguments and Returns: see `Head`; logits are `(batch, size)`, computed in float32 under any
    policy.

    Raises:
        ConfigError: a size, dropout or prior that cannot be.

    Example:
        LinearHead(3)(keras.ops.ones((2, 1, 8))).shape  # (2, 3)
    """

    def __init__(
        self,
        size: int,
        dropout: float = 0.1,
        prior: Sequence[float] | None = None,
        kernel_initializer: Any = "glorot_uniform",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if size < 1:
            raise ConfigError(f"LinearHead: size is 1 or more. Received: {size}")
        if not 0 <= dropout < 1:
            raise ConfigError(f"LinearHead: dropout is in [0, 1). Received: {dropout}")
        if prior is not None and len(prior) != size:
            raise ConfigError(
                f"LinearHead: prior has one number for each of the {size} logits, or is None. "
                f"Received {len(prior)} numbers."
            )
        self.size = size
        self.dropout = dropout
        self.prior = None if prior is None else [float(value) for value in prior]
        if isinstance(kernel_initializer, keras.initializers.Initializer):
            kernel_initializer = keras.initializers.serialize(kernel_initializer)
        self.kernel_initializer = kernel_initializer

    def build(self, tokens_shape: Any) -> None:
        # Half precision would round a price to three digits.
        self.drop = Dropout(self.dropout, dtype="float32", name="drop")
        self.logits = keras.layers.Dense(
            self.size,
            kernel_initializer=keras.initializers.get(self.kernel_initializer),
            bias_initializer=keras.initializers.Constant(0.0 if self.prior is None else self.prior),
            dtype="float32",
            name="logits",
        )
        self.logits.build((None, tokens_shape[-1]))

    def call(self, tokens: Any, mask: Any = None, training: bool | None = None) -> Any:
        mean = masked_mean(ops.cast(tokens, "float32"), mask)
        return self.logits(self.drop(mean, training=training))

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "size": self.size,
            "dropout": self.dropout,
            "prior": self.prior,
            "kernel_initializer": self.kernel_initializer,
        }
