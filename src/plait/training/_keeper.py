"""When a run's state is written, and given back."""

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import keras

from plait._beside import is_full
from plait.errors import StoppedError
from plait.training._checkpoint import Checkpoint, Position, Resumable, write_checkpoint
from plait.training._every import Every
from plait.training._memory_limit import MemoryLimit


class Keeper(keras.callbacks.Callback):
    """Writes checkpoints of a run now and then, and when it is asked to stop.

    The last of the callbacks, so that all others know of what it writes: of an epoch when it ends, and
    of a step before any of them hears of the next one.

    Args:
        folder: of the checkpoints.
        every: how often.
        steps: batches an epoch.
        beside: what has state of its own, by name.
        resumed: what the run goes on from, if it does.
        tell: called with a line where one could not be written.
        limit: of memory; None for none.
    """

    def __init__(
        self,
        folder: Path,
        every: Every,
        steps: int,
        beside: Mapping[str, Resumable],
        resumed: Checkpoint | None,
        tell: Callable[[str], None],
        limit: MemoryLimit | None = None,
    ) -> None:
        super().__init__()
        self.folder = folder
        self.every = every
        self.steps = steps
        self.beside = beside
        self.tell = tell
        self.position = Position() if resumed is None else resumed.position
        self.limit = limit
        self.stopped_by: int | None = None
        self._resumed = resumed
        self._start = 0
        self._written = time.monotonic()
        self._written_at = self.position

    @property
    def is_over(self) -> bool:
        """Whether training had ended when what is gone on from was written."""
        return self._resumed is not None and self._resumed.over

    def stop(self, signal: int, _: Any = None) -> None:
        """Ends the run after the step that is under way; a handler of signals."""
        self.stopped_by = signal

    def restore_beside(self) -> None:
        """Gives what is beside the model its state, where nothing is left to train."""
        if self._resumed is not None:
            self._resumed.restore_beside(self.beside)

    def begin(self, epoch: int) -> None:
        """An epoch begins. The first one of a run that goes on gets its state.

        Not before, since Keras makes some of the variables when `fit` begins, and resets the metrics
        at the start of each epoch.
        """
        self._start = self.position.step if self.position.epoch == epoch else 0
        if self._resumed is not None:
            self._resumed.restore(self.model)
            self._resumed.restore_beside(self.beside)
            self._resumed = None
            if not self._start:
                self.model.reset_metrics()
                self.model.begin_epoch(epoch)
            if self.model.turns is not None:
                self.model.turns.read()
        self.position = Position(epoch, self._start)

    def before_step(self, batch: int) -> None:
        """A step of this call of `fit` begins: the one before it, if any, is over."""
        if batch:
            self.position = Position(self.position.epoch, self._start + batch)
            self._write_if_due(over=False)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self.position = Position(epoch + 1)
        self._write_if_due(over=bool(self.model.stop_training))

    def _write_if_due(self, over: bool) -> None:
        too_much = self.limit.passed() if self.limit is not None else None
        stopping = self.stopped_by is not None or too_much is not None
        if not (stopping or self._is_due()):
            return
        written = self._write(over)
        if stopping and not over:
            raise StoppedError(self.stopped_by, written, what=too_much)
        if not written:
            self.tell(
                f"The disk under '{self.folder}' is full: no checkpoint was written at epoch "
                f"{self.position.epoch + 1}, step {self.position.step}. Those before are kept, and "
                "training goes on."
            )

    def _write(self, over: bool) -> bool:
        """Whether there was room for it."""
        self._written, self._written_at = time.monotonic(), self.position
        try:
            write_checkpoint(self.folder, self.position, over, self.model, self.beside)
        except OSError as error:
            if not is_full(error):
                raise
            return False
        return True

    def _is_due(self) -> bool:
        if self.every.steps is not None:
            then, now = self._written_at, self.position
            taken = (now.epoch - then.epoch) * self.steps + now.step - then.step
            return taken >= self.every.steps
        return time.monotonic() - self._written >= (self.every.seconds or 0.0)
