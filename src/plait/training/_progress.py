"""One line that moves while an epoch runs, and one that stays when it is over."""

import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any, TextIO

import keras
import numpy as np

from plait.tasks import Task
from plait.training._selection import Epoch

_BAR = 24
_EVERY = 0.2


class Progress(keras.callbacks.Callback):
    """Draws a bar for the epoch and prints each task's main score.

    Args:
        tasks: by name.
        epochs: how many there may be.
        stream: where to; the bar moves only on a terminal.
    """

    # Keras then runs it beside the steps, instead of reading every step's logs first.
    async_safe = True

    def __init__(
        self, tasks: Mapping[str, Task], epochs: int, stream: TextIO | None = None
    ) -> None:
        super().__init__()
        self.tasks = tasks
        self.epochs = epochs
        self.stream = stream or sys.stderr
        self._moving = self.stream.isatty()
        self._epoch = 0
        self._drawn = 0.0

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self._epoch = epoch + 1

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        now = time.monotonic()
        # The logs are still on the device: reading them at every batch would wait for each step.
        if not self._moving or now - self._drawn < _EVERY:
            return
        self._drawn = now
        steps = self.params.get("steps") or batch + 1
        filled = _BAR * (batch + 1) // steps
        bar = "━" * filled + "─" * (_BAR - filled)
        loss = float((logs or {}).get("loss", float("nan")))
        self._write(
            f"\repoch {self._epoch}/{self.epochs} {bar} {batch + 1}/{steps} loss {loss:.4f}"
        )

    def state(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """Nothing: it draws what is there."""
        return {}, {}

    def restore_state(self, plain: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
        """Takes nothing: the run may go on before another screen."""

    def epoch(self, history: Sequence[Epoch]) -> None:
        """Prints the line of the last epoch, which is over."""
        done = history[-1]
        parts = [
            f"epoch {done.number}/{self.epochs}",
            f"{done.seconds:.1f} s",
            f"loss {done.loss:.4f}",
        ]
        said = {name: self._main_score(name, scores) for name, scores in done.scores.items()}
        parts += [text for name, text in said.items() if text and name not in done.auxiliary]
        if done.mean_gain is not None:
            parts.append(f"mean gain {done.mean_gain:.4f}{' *' if done.best else ''}")
        beside = [text for name, text in said.items() if text and name in done.auxiliary]
        if beside:
            parts.append(f"auxiliary: {'  '.join(beside)}")
        self._write(("\r\033[K" if self._moving else "") + "  ".join(parts) + "\n")

    def _main_score(self, task: str, scores: Mapping[str, float]) -> str:
        metric = self.tasks[task].main_score
        # Too few labels may leave the main score undefined, an AUC of one class for example.
        return f"{task} {metric} {scores[metric]:.4f}" if metric in scores else ""

    def _write(self, text: str) -> None:
        self.stream.write(text)
        self.stream.flush()
