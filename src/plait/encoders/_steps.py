"""What encoders of padded steps have in common."""

from typing import Any

import keras
from keras import ops


def valid_steps(values: Any, lengths: Any = None) -> tuple[Any, Any]:
    """How many steps of each row are valid, `(batch,)` and at least 1, and which, `(batch, steps)`.

    Args:
        values: `(batch, steps, channels)`.
        lengths: `(batch,)` whole numbers; None if all steps are valid.
    """
    steps = values.shape[1]
    if lengths is None:
        lengths = ops.zeros_like(values[:, 0, 0], dtype="int32") + steps
    lengths = ops.clip(ops.cast(lengths, "int32"), 1, steps)
    return lengths, ops.arange(steps, dtype="int32")[None, :] < lengths[:, None]


@keras.saving.register_keras_serializable(package="plait")
class LastStep(keras.layers.Layer):
    """Adds a learnt vector to the token of each row's last valid step.

    A fusion that pools the tokens by attention can tell it from the others then.

    Call arguments:
        tokens: `(batch, steps, width)`.
        lengths: `(batch,)` int32, at least 1.
    """

    def build(self, tokens_shape: Any, lengths_shape: Any = None) -> None:
        self.mark = self.add_weight(
            name="mark",
            shape=(tokens_shape[-1],),
            initializer=keras.initializers.RandomNormal(stddev=0.02),
        )

    def call(self, tokens: Any, lengths: Any) -> Any:
        steps = ops.arange(tokens.shape[1], dtype="int32")
        is_last = ops.equal(steps[None, :], lengths[:, None] - 1)
        mark = ops.cast(self.mark, tokens.dtype)
        return tokens + ops.cast(ops.expand_dims(is_last, -1), tokens.dtype) * mark
