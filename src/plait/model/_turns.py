"""In which batches the tasks' gradients are looked at, where that is not in all of them."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np

OBSERVE_EVERY = 16
"""Batches from one look at the gradients to the next, where the balancer itself asks for none."""


class Turns:
    """Counts the batches twice: in a variable of the step, and on the host.

    The host's count says, without waiting for the device, which of two compiled steps comes next: one
    that looks, and one that does not. A branch inside one step would cost more than it spares: XLA's
    CPU runs convolutions in a branch many times slower, and a GPU's host waits for the condition.

    Args:
        every: steps from one look to the next; the first one looks.
        of_epoch: whether each epoch starts anew.
        batches: in a step.

    Attributes:
        every: as given.
        looks: whether the step that is run, or traced, looks.
    """

    def __init__(self, every: int, *, of_epoch: bool, batches: int = 1) -> None:
        self.every = every
        self._batches = batches
        self.looks = True
        self._of_epoch = of_epoch
        self._taken = keras.Variable(0, dtype="int32", trainable=False, name="batches_taken")
        self._next = 0

    @property
    def variables(self) -> list[keras.Variable]:
        """What a step changes."""
        return [self._taken]

    def read(self) -> None:
        """Takes the variable's count over, which a loaded file or another run may have set."""
        self._next = int(keras.ops.convert_to_numpy(self._taken))

    def begin_epoch(self) -> None:
        """Starts an epoch."""
        if self._of_epoch:
            self._taken.assign(np.int32(0))
            self._next = 0

    def due(self) -> Any:
        """Scalar bool: whether the next step looks, as the variable has it."""
        return self._is_due(keras.ops.convert_to_tensor(self._taken))

    @contextmanager
    def next(self) -> Iterator[bool]:
        """Whether the next step looks; around that step."""
        with self.as_if(self._is_due(self._next)):
            yield self.looks
        self._next += 1

    @contextmanager
    def as_if(self, looks: bool) -> Iterator[None]:
        """A block whose steps look, or do not. Steps outside of one do: it is right, and costs."""
        self.looks = looks
        try:
            yield
        finally:
            self.looks = True

    def _is_due(self, taken: Any) -> Any:
        return taken // self._batches % self.every == 0

    def count(self) -> None:
        """Takes one batch, within the step."""
        self._taken.assign(keras.ops.convert_to_tensor(self._taken) + 1)
