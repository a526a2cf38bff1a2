"""What a run that was killed goes on from: all of its state, whole or not at all."""

import errno
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

import keras
import numpy as np

from plait.errors import ModelFileError, PlaitError, StoppedError
from plait.inference import Archive, ArrayForm, write_archive
from plait.training._every import Every

_KEPT = 2
_GROUPS = ("trainable", "non_trainable", "optimizer", "metrics")


class Resumable(Protocol):
    """Something beside the model that goes on where it was."""

    def state(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """Plain JSON data, and arrays."""

    def restore_state(self, plain: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
        """Takes what `state` gave."""


@dataclass(frozen=True, order=True)
class Position:
    """The next batch of a run: its epoch and its place in it, counted from 0."""

    epoch: int = 0
    step: int = 0


class Checkpoints(keras.callbacks.Callback):
    """Writes the state of a run now and then, and gives it back.

    A new one is written beside the old ones and renamed; then all but the last two go. It comes after
    the callbacks whose state it holds.

    Args:
        folder: of the checkpoints.
        every: how often.
        beside: what has state of its own, by name.
        resumed: what the run goes on from, if it does.
        tell: called with a line where one could not be written.
    """

    def __init__(
        self,
        folder: Path,
        every: Every,
        beside: Mapping[str, Resumable],
        resumed: "Checkpoint | None",
        tell: Callable[[str], None],
    ) -> None:
        super().__init__()
        self.folder = folder
        self.every = every
        self.beside = beside
        self.tell = tell
        self.position = Position() if resumed is None else resumed.position
        self.stopped_by: int | None = None
        self._resumed = resumed
        self._offset = self.position.step
        self._steps = 0
        self._written = time.monotonic()

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        if self._resumed is not None:
            # Here, since Keras makes some of the variables when `fit` begins, and has reset the
            # metrics by now.
            self._resumed.restore(self.model)
            self.restore_beside()
            if not self._offset:
                self.model.reset_metrics()
                self.model.report.begin(epoch)
            self._resumed = None
        self.position = Position(epoch, self._offset)

    def set_model(self, model: keras.Model) -> None:
        super().set_model(model)
        # No hook of a callback: with one, Keras would read every step's logs before the next step.
        model.after_step = self.after_step

    def after_step(self) -> None:
        """Takes note of a step, and writes a checkpoint if one is due."""
        done = self._model.steps_per_execution
        self._steps += done
        self.position = Position(self.position.epoch, self.position.step + done)
        self._write_if_due()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self.position, self._offset = Position(epoch + 1, 0), 0
        self._write_if_due()

    @property
    def is_over(self) -> bool:
        """Whether training had ended when what is gone on from was written."""
        return self._resumed is not None and self._resumed.over

    def restore_beside(self) -> None:
        """Gives what is beside the model its state."""
        if self._resumed is not None:
            self._resumed.restore_beside(self.beside)

    def stop(self, signal: int, _: Any = None) -> None:
        """Ends the run after the step that is under way; a handler of signals."""
        self.stopped_by = signal

    def write(self) -> None:
        """Writes one now."""
        if hasattr(self.model, "jax_state_sync"):
            self.model.jax_state_sync()
        plain: dict[str, Any] = {
            "position": asdict(self.position),
            # Within an epoch, its scores are still to come.
            "over": bool(self.model.stop_training and not self.position.step),
            "beside": {},
        }
        arrays = {}
        for name, variable in variables_of(self.model).items():
            values = np.asarray(keras.ops.convert_to_numpy(variable.value))
            # NumPy's files have no bfloat16, and float32 holds it.
            arrays[name] = values.astype("float32") if values.dtype.kind == "V" else values
        for name, held in self.beside.items():
            plain["beside"][name], own = held.state()
            arrays |= {f"{name}/{key}": values for key, values in own.items()}
        plain["arrays"] = {
            name: [list(values.shape), values.dtype.name] for name, values in arrays.items()
        }
        try:
            write_archive(self.folder / _name(self.position), plain, arrays)
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise
            self.tell(
                f"The disk under '{self.folder}' is full: no checkpoint was written at epoch "
                f"{self.position.epoch + 1}, step {self.position.step}. The one before is kept, and "
                "training goes on."
            )
        else:
            for old in found_in(self.folder)[_KEPT:]:
                old.unlink(missing_ok=True)
        self._steps = 0
        self._written = time.monotonic()

    def _write_if_due(self) -> None:
        if self._is_due() or self.stopped_by is not None:
            self.write()
        if self.stopped_by is not None and not self._model.stop_training:
            raise StoppedError(self.stopped_by)

    def _is_due(self) -> bool:
        if self.every.steps is not None:
            return self._steps >= self.every.steps
        return time.monotonic() - self._written >= (self.every.seconds or 0.0)


@dataclass(frozen=True)
class Checkpoint:
    """One that was read.

    Attributes:
        position: where the run goes on.
        over: whether training had ended by then, before its last epoch.
        beside: the plain state of what is beside the model, by name.
        arrays: every array by name.
    """

    position: Position
    over: bool
    beside: Mapping[str, Mapping[str, Any]]
    arrays: Mapping[str, np.ndarray]

    @classmethod
    def read(cls, path: Path) -> "Checkpoint":
        """Reads one.

        Raises:
            ModelFileError: it is cut short or damaged.
        """
        with Archive(path) as archive:
            try:
                plain = archive.description
                forms = {
                    name: ArrayForm(tuple(shape), dtype)
                    for name, (shape, dtype) in plain["arrays"].items()
                }
                position = Position(**plain["position"])
                over, beside = bool(plain["over"]), dict(plain["beside"])
            except (KeyError, TypeError, ValueError, AttributeError) as error:
                raise ModelFileError(f"{path} holds no state of a run ({error}).") from error
            archive.check(forms)
            arrays = {name: archive.read(name, form) for name, form in forms.items()}
        return cls(position, over, beside, arrays)

    def restore(self, model: keras.Model) -> None:
        """Gives a compiled model, its optimizer and its metrics their state.

        Raises:
            PlaitError: a model of other variables.
        """
        for name, variable in variables_of(model).items():
            values = self.arrays.get(name)
            if values is None or values.shape != tuple(variable.shape):
                raise PlaitError(
                    f"The checkpoint is of another model: its {variable.path!r} has another shape. "
                    "Train anew, with the version of plait and Keras that you have now."
                )
            variable.assign(values)

    def restore_beside(self, beside: Mapping[str, Resumable]) -> None:
        """Gives what is beside the model its state."""
        for name, held in beside.items():
            start = f"{name}/"
            own = {k.removeprefix(start): v for k, v in self.arrays.items() if k.startswith(start)}
            held.restore_state(self.beside[name], own)


def variables_of(model: keras.Model) -> dict[str, keras.Variable]:
    """All that a training step reads and writes, by name: seeds of dropout included."""
    groups = (
        model.trainable_variables,
        model.non_trainable_variables,
        model.optimizer.variables,
        model.metrics_variables,
    )
    return {
        f"{group}/{n}": variable
        for group, variables in zip(_GROUPS, groups, strict=True)
        for n, variable in enumerate(variables)
    }


def found_in(folder: Path) -> list[Path]:
    """The checkpoints, the latest first."""
    return sorted(folder.glob("*.checkpoint"), reverse=True)


def last_whole(folder: Path, tell: Callable[[str], None]) -> Checkpoint | None:
    """The latest checkpoint that can be read; those that cannot are told of."""
    for path in found_in(folder):
        try:
            return Checkpoint.read(path)
        except ModelFileError as error:
            tell(f"{error} The one before is used.")
    return None


def _name(position: Position) -> str:
    return f"{position.epoch:06d}-{position.step:09d}.checkpoint"
