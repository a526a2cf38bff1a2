"""An average of the weights over the steps, made inside the compiled step."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np


class WeightAverage:
    """What the weights were on average, which often answers better than what they are.

    With a `momentum` m it is the exponential moving average a <- m a + (1 - m) w, where m is at most
    (1 + t) / (10 + t) after t steps, so that the initial weights are soon forgotten. Without one it is
    the plain mean of the weights from batch `start` on, one sample in `every` batches (stochastic
    weight averaging).

    Args:
        variables: the weights, which have their initial values.
        momentum: in [0, 1), or None for the plain mean.
        start: the batch from which it is taken; before, it is the weights themselves.
        every: batches between two samples.

    References:
        B. Polyak, A. Juditsky, "Acceleration of Stochastic Approximation by Averaging", 1992.
        P. Izmailov et al., "Averaging Weights Leads to Wider Optima and Better Generalization",
        UAI 2018.
    """

    def __init__(
        self,
        variables: Sequence[keras.Variable],
        momentum: float | None,
        start: int = 0,
        every: int = 1,
    ) -> None:
        self.momentum = momentum
        self.start = start
        self.every = every
        self._of = list(variables)
        self._means = [
            keras.Variable(_copy(v), dtype=v.dtype, trainable=False, name="average")
            for v in self._of
        ]
        self._count, self._batches = (
            keras.Variable(0, dtype="int32", trainable=False, name=name)
            for name in ("averaged", "batches")
        )

    @property
    def variables(self) -> list[keras.Variable]:
        """Its state."""
        return [*self._means, self._count, self._batches]

    def update(self, moved: Any) -> None:
        """Takes the weights after a batch.

        Args:
            moved: scalar bool, whether it moved the weights.
        """
        ops = keras.ops
        # A count of its own: the optimizer's leaves out those whose gradients overflowed.
        batch, count = (ops.convert_to_tensor(v) for v in (self._batches, self._count))
        begun = batch >= self.start
        samples = ops.cast(count, "float32")
        if self.momentum is None:
            due = (batch + 1) % self.every == 0
            new = 1.0 / (samples + 1.0)
        else:
            due = moved
            new = 1.0 - ops.minimum(self.momentum, (1.0 + samples) / (10.0 + samples))
        # Before the start it is the weights themselves.
        new = ops.where(begun, ops.where(due, new, 0.0), 1.0)
        for mean, variable in zip(self._means, self._of, strict=True):
            # What is frozen, such as the head of a task that is finished, stays as it was kept.
            if not variable.trainable:
                continue
            old, now = ops.convert_to_tensor(mean), ops.convert_to_tensor(variable)
            mean.assign(old + ops.cast(new, old.dtype) * (ops.cast(now, old.dtype) - old))
        self._count.assign(count + ops.cast(ops.logical_and(begun, due), "int32"))
        self._batches.assign(batch + 1)

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """A block in which the model has the average for weights."""
        held = [_copy(v) for v in self._of]
        for variable, mean in zip(self._of, self._means, strict=True):
            variable.assign(_copy(mean))
        try:
            yield
        finally:
            for variable, value in zip(self._of, held, strict=True):
                variable.assign(value)


def _copy(variable: keras.Variable) -> np.ndarray:
    """Its values in a place of their own: JAX gives a step each buffer once, to write over."""
    return np.array(keras.ops.convert_to_numpy(variable), copy=True)
