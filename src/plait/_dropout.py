"""Dropout that is cheap to compile and to run."""

from typing import Any

import keras
from keras import ops

from plait.backend import uniform


@keras.saving.register_keras_serializable(package="plait")
class Dropout(keras.layers.Dropout):
    """Keras' dropout, by the backend's cheapest draw.

    Args:
        rate: the share of values that become 0, in [0, 1); the others are divided by `1 - rate`.
        seed: of the draws.
    """

    def __init__(self, rate: float, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(rate, seed=seed, **kwargs)

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        if not training or not self.rate:
            return inputs
        kept = uniform(ops.shape(inputs), self.seed_generator) >= self.rate
        return ops.where(kept, inputs / (1.0 - self.rate), 0.0)

    def get_config(self) -> dict[str, Any]:
        return {
            name: value for name, value in super().get_config().items() if name != "noise_shape"
        }
