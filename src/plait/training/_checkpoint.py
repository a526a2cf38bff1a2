"""What a run that was killed goes on from: all of its state, whole or not at all."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

import keras
import numpy as np

from plait.errors import ModelFileError, PlaitError
from plait.inference import Archive, ArrayForm, write_archive

KEPT = 2
"""So that one that is damaged has one before it."""

_GROUPS = ("model", "optimizer", "metrics")


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
        with Archive(path, "checkpoint") as archive:
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


def write_checkpoint(
    folder: Path,
    position: Position,
    over: bool,
    model: keras.Model,
    beside: Mapping[str, Resumable],
) -> None:
    """Writes one, whole or not at all, and removes all but the last of the others.

    Args:
        folder: of the checkpoints.
        position: where the run goes on.
        over: whether training has ended.
        model: whose variables hold their values.
        beside: what has state of its own, by name.

    Raises:
        OSError: the disk is full, or the folder cannot be written.
    """
    arrays = {}
    for name, variable in variables_of(model).items():
        values = np.asarray(keras.ops.convert_to_numpy(variable.value))
        # NumPy's files have no bfloat16, and float32 holds it.
        arrays[name] = values.astype("float32") if values.dtype.kind == "V" else values
    plain: dict[str, Any] = {}
    for name, held in beside.items():
        plain[name], own = held.state()
        arrays |= {f"{name}/{key}": values for key, values in own.items()}
    forms = {name: [list(values.shape), values.dtype.name] for name, values in arrays.items()}
    described = {"position": asdict(position), "over": over, "beside": plain, "arrays": forms}
    write_archive(folder / _name(position), described, arrays)
    for old in found_in(folder)[KEPT:]:
        old.unlink(missing_ok=True)


def variables_of(model: keras.Model) -> dict[str, keras.Variable]:
    """All that a training step reads and writes, by name: seeds of dropout included."""
    # In an order that stays as layers are frozen and unfrozen.
    groups = (model.variables, model.optimizer.variables, model.metrics_variables)
    return {
        f"{group}/{n}": variable
        for group, variables in zip(_GROUPS, groups, strict=True)
        for n, variable in enumerate(variables)
    }


def found_in(folder: Path) -> list[Path]:
    """The checkpoints, the latest first."""
    return sorted(folder.glob("*.checkpoint"), reverse=True)


def last_whole(folder: Path, tell: Callable[[str], None]) -> Checkpoint | None:
    """The latest checkpoint that can be read; those that cannot are told of, and left aside.

    What processes that were killed have left of others goes, too.
    """
    for part in folder.glob(".*.part"):
        with suppress(OSError):
            part.unlink()
    for path in found_in(folder):
        try:
            return Checkpoint.read(path)
        except ModelFileError as error:
            aside = path.replace(path.with_name(f"{path.name}.damaged"))
            before = found_in(folder)
            what = f"{before[0].name}, the one before, is used" if before else "The run begins anew"
            tell(f"{error} {what}. It is kept as {aside.name}.")
    return None


def _name(position: Position) -> str:
    return f"{position.epoch:06d}-{position.step:09d}.checkpoint"
