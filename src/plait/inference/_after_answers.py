"""What other tasks have answered, given to the task that comes after them."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from plait.tasks import Gives, answers_of, said


@keras.saving.register_keras_serializable(package="plait")
class AfterAnswers(keras.layers.Layer):
    """Adds a projection of other tasks' answers to each of a task's tokens: x + sum over k of W_k a_k.

    a_k are what the other task says: the probabilities of its classes, its standardised number or
    quantiles, or the logarithm of its count. A sum leaves the number of the tokens and their places as
    they are, so that any head reads them.

    Args:
        gives: what each of the other tasks answers.

    Call arguments:
        tokens: `(batch, tokens, width)`.
        logits: the other tasks' logits, each `(batch, answers)`; no gradient comes back through them if
            they were given by `keras.ops.stop_gradient`.

    Returns:
        `(batch, tokens, width)`.
    """

    def __init__(self, gives: Sequence[Gives], **kwargs: Any) -> None:
        # Half precision would round numbers and probabilities.
        super().__init__(**{"autocast": False, **kwargs})
        self.gives = list(gives)

    def build(self, tokens_shape: Any, logits_shape: list[Any]) -> None:
        self.projections = []
        for number, (kind, shape) in enumerate(zip(self.gives, logits_shape, strict=True)):
            dense = keras.layers.Dense(
                tokens_shape[-1],
                use_bias=False,
                dtype="float32",
                name=f"projection_{number}",
            )
            dense.build((None, answers_of(kind, shape[-1])))
            self.projections.append(dense)

    def call(self, tokens: Any, logits: list[Any]) -> Any:
        for kind, z, dense in zip(self.gives, logits, self.projections, strict=True):
            answer = dense(said(kind, z))
            tokens = tokens + ops.cast(ops.expand_dims(answer, 1), tokens.dtype)
        return tokens

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "gives": self.gives}
