"""The means of several numbers over an epoch."""

from typing import Any

import keras
import numpy as np


class Means(keras.metrics.Metric):
    """The weighted means of several numbers, in two variables whatever their count.

    A metric for each number would put dozens of tiny operations and buffers into every step.

    Args:
        size: how many numbers.
    """

    def __init__(self, size: int, name: str) -> None:
        super().__init__(name=name)
        self.total = self.add_variable((size,), "zeros", dtype="float32", name="total")
        self.count = self.add_variable((size,), "zeros", dtype="float32", name="count")

    def update_state(self, values: Any, sample_weight: Any) -> None:
        """Takes `(size,)` values with `(size,)` weights."""
        weights = keras.ops.cast(sample_weight, "float32")
        self.total.assign_add(keras.ops.cast(values, "float32") * weights)
        self.count.assign_add(weights)

    def result(self) -> Any:
        """`(size,)`; 0 where nothing came."""
        return keras.ops.divide_no_nan(self.total.value, self.count.value)

    def on_host(self) -> np.ndarray:
        """`(size,)`; NaN where nothing came. For the end of an epoch: no operation is compiled."""
        total, count = (keras.ops.convert_to_numpy(v) for v in (self.total, self.count))
        return np.divide(total, count, out=np.full_like(total, np.nan), where=count > 0)
