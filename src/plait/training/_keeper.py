"""When a run's state is written, and given back."""

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from plait._beside import is_full
from plait.errors import StoppedError
from plait.model import MultiTaskModel
from plait.training._checkpoint import Checkpoint, Position, Resumable, write_checkpoint
from plait.training._every import Every
from plait.training._memory_limit import MemoryLimit


class Keeper:
    """Writes checkpoints of a run now and then, and when it is asked to stop.

    Args:
        folder: of the checkpoints.
        every: how often.
        model: compiled.
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
        model: MultiTaskModel,
        steps: int,
        beside: Mapping[str, Resumable],
        resumed: Checkpoint | None,
        tell: Callable[[str], None],
        limit: MemoryLimit | None = None,
    ) -> None:
        self.folder = folder
        self.every = every
        self.model = model
        self.steps = steps
        self.beside = beside
        self.tell = tell
        self.position = Position() if resumed is None else resumed.position
        self.limit = limit
        self.stopped_by: int | None = None
        self._resumed = resumed
        self._taken = 0
        self._written = time.monotonic()

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
        start = self.position.step if self.position.epoch == epoch else 0
        if self._resumed is not None:
            self._resumed.restore(self.model)
            self._resumed.restore_beside(self.beside)
            self._resumed = None
            if not start:
                self.model.reset_metrics()
                self.model.begin_epoch(epoch)
            if self.model.turns is not None:
                self.model.turns.read()
        self.position = Position(epoch, start)

    def after_step(self) -> None:
        """A step is over. The last one of an epoch waits for what is done at the epoch's end."""
        done = self.model.steps_per_execution
        self._taken += done
        self.position = Position(self.position.epoch, self.position.step + done)
        if self.position.step < self.steps:
            self._write_if_due(over=False)

    def end(self, epoch: int) -> None:
        """An epoch is over, with its scores."""
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
        if hasattr(self.model, "jax_state_sync"):
            self.model.jax_state_sync()
        self._taken = 0
        self._written = time.monotonic()
        try:
            write_checkpoint(self.folder, self.position, over, self.model, self.beside)
        except OSError as error:
            if not is_full(error):
                raise
            return False
        return True

    def _is_due(self) -> bool:
        if self.every.steps is not None:
            return self._taken >= self.every.steps
        return time.monotonic() - self._written >= (self.every.seconds or 0.0)
