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
    """

    # Keras runs it beside the steps, then, instead of reading every step's logs first.
    async_safe = True

    def __init__(self, minutes: float) -> None:
        super().__init__()
        self.minutes = minutes
        self.is_over = False
        self._spent = 0.0
        self._began = time.monotonic()

    def set_model(self, model: keras.Model) -> None:
        super().set_model(model)
        # To ask for `self.model` is to put the step's state back into it.
        self._stops = model

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        if self._seconds() > 60 * self.minutes:
            self.is_over = True
            self._stops.stop_training = True

    def state(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """The time that was spent."""
        return {"seconds": self._seconds()}, {}

    def restore_state(self, plain: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
        """Goes on from what `state` gave."""
        self._spent = float(plain["seconds"])

    def _seconds(self) -> float:
        return self._spent + time.monotonic() - self._began
