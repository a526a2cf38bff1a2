"""The loss of an answer that should be a teacher's."""

from typing import Any

import keras
from keras import ops

from plait.tasks import Gives, log_said, said

_TINY = 1e-7


@keras.saving.register_keras_serializable(package="plait")
class SoftTargets(keras.losses.Loss):
    """The loss of `Distill`, which has the formulas.

    Args:
        gives: what the task's logits say.
        temperature: T.
        trivial: what it is divided by.

    Call arguments:
        y_true: probabilities or standardised quantiles, `(batch, answers)`; a standardised number or
            a mean of counts, `(batch,)` or `(batch, 1)`.
        y_pred: logits, `(batch, logits)`.

    Returns:
        `(batch,)` float32 from `call`.
    """

    def __init__(
        self,
        gives: Gives,
        temperature: float = 1.0,
        trivial: float = 1.0,
        name: str = "soft_targets",
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **kwargs)
        self.gives = gives
        self.temperature = temperature
        self.trivial = trivial

    def call(self, y_true: Any, y_pred: Any) -> Any:
        z, p = ops.cast(y_pred, "float32"), ops.cast(y_true, "float32")
        if self.gives == "log mean":
            return _of_means(ops.reshape(p, (-1,)), said(self.gives, z)[:, 0]) / self.trivial
        if self.gives in ("number", "numbers"):
            return _of_numbers(ops.reshape(p, ops.shape(z)), z) / self.trivial
        scale = self.temperature**2 / self.trivial
        if self.gives == "yes or no":
            p = ops.reshape(p, ops.shape(z))
            p, z = ops.stack([1 - p, p], axis=-1), ops.stack([ops.zeros_like(z), z], axis=-1)
            return ops.mean(self._apart(p, z), axis=-1) * scale
        return self._apart(p, log_said(self.gives, z)) * scale

    def _apart(self, p: Any, z: Any) -> Any:
        """The divergence over the last axis, of logarithms of what is in proportion to q."""
        soft = ops.log_softmax(ops.log(ops.maximum(p, _TINY)) / self.temperature, axis=-1)
        own = ops.log_softmax(z / self.temperature, axis=-1)
        return ops.sum(ops.exp(soft) * (soft - own), axis=-1)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "gives": self.gives,
            "temperature": self.temperature,
            "trivial": self.trivial,
        }


def _of_numbers(taught: Any, said: Any) -> Any:
    """The mean over the last axis of what differences cost, `(batch,)`."""
    error = ops.absolute(said - taught)
    return ops.mean(ops.where(error <= 1, ops.square(error) / 2, error - 0.5), axis=-1)


def _of_means(taught: Any, log_mean: Any) -> Any:
    """The divergence of two Poisson distributions, `(batch,)`."""
    log_taught = ops.log(ops.maximum(taught, _TINY))
    return taught * (log_taught - log_mean) - taught + ops.exp(log_mean)
