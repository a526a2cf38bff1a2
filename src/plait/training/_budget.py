"""Training ends in time."""

import time
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np


class Budget(keras.callbacks.Callback):
    """Ends training after the step in which its time is over; the epoch is scored as it stands.

    What a run that goes on had spent before counts.

    Args:
        minutes: of training and validation together.
        epochs: how many there are to be.
    """

    # Keras runs it beside the steps, then, instead of reading every step's logs first.
    async_safe = True

    def __init__(self, minutes: float, epochs: int) -> None:
        super().__init__()
        self.minutes = minutes
        self.epochs = epochs
        self._over_in: int | None = None
        self._epoch = 0
        self._spent = 0.0
        self._began = time.monotonic()

    @property
    def ended(self) -> str | None:
        """A line about what it ended, if it did."""
        if self._over_in is None:
            return None
        return f"The {self.minutes:g} minutes were over in epoch {self._over_in} of {self.epochs}."

    def set_model(self, model: keras.Model) -> None:
        super().set_model(model)
        # To ask for `self.model` is to put the step's state back into it.
        self._stops = model

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self._epoch = epoch + 1

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        self._end_in_time()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        if self._epoch < self.epochs:
            self._end_in_time()

    def state(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """The time that was spent, and when it was over."""
        return {"seconds": self._seconds(), "over_in": self._over_in}, {}

    def restore_state(self, plain: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
        """Goes on from what `state` gave."""
        self._began = time.monotonic()
        self._spent = float(plain["seconds"])
        self._over_in = plain["over_in"]

    def _end_in_time(self) -> None:
        if self._seconds() > 60 * self.minutes and not self._stops.stop_training:
            self._over_in = self._epoch
            self._stops.stop_training = True

    def _seconds(self) -> float:
        return self._spent + time.monotonic() - self._began
