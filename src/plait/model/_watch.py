"""What `fit` does at the edges of epochs: the report's epoch, and the end of a run that diverged."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

import keras
import numpy as np

from plait.errors import BadLoss, DivergedError


class Watch(keras.callbacks.Callback):
    """Adds the report to the epoch's logs, and ends a run whose loss or weights are no numbers.

    Args:
        beside: the run's other callbacks, some of which save the model.
    """

    # Keras then reads the logs beside the next steps, instead of waiting for each.
    async_safe = True

    def __init__(self, beside: Sequence[Any]) -> None:
        super().__init__()
        self._beside = beside
        self._good: int | None = None

    def set_model(self, model: Any) -> None:
        super().set_model(model)
        # To ask for `self.model` is to put the step's state back into it, which on JAX no other thread
        # may do while the next step runs.
        self._stops = model

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self.model.begin_epoch(epoch)

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        if not math.isfinite((logs or {}).get("loss", 0.0)):
            # Only the end of the epoch may read the step's variables.
            self._stops.stop_training = True

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self._check()
        if not _finite(self.model.trainable_variables):
            # The last step's losses were those before it moved the weights.
            self._diverged(f"The weights are not finite at the end of epoch {epoch + 1}")
        self._good = epoch
        if logs is not None:
            logs.update(self.model.report.result())

    def _check(self) -> None:
        bad = self.model.report.first_bad()
        if bad is None:
            return
        sums = "The sum of added losses and regularisers"
        which = sums if bad.task is None else f"Task '{bad.task}'"
        self._diverged(f"{which}: the loss is not finite at step {bad.step}", bad)

    def _diverged(self, what: str, bad: BadLoss | None = None) -> NoReturn:
        rows = () if bad is None else [place + 1 for place in bad.places]
        where = "" if bad is None else f"{bad.where(rows, 'the batch')} "
        raise DivergedError(
            f"{what}, so training stopped.",
            f"{where}{self._last_good()} Lower the learning rate, clip the gradients, or look for "
            "extreme numbers in the inputs and targets.",
            bad,
        )

    def _last_good(self) -> str:
        """What there is to go on from."""
        if self._good is None:
            return "No epoch had ended before."
        saved = [path for c in self._beside if (path := _saved_by(c, self._good)) is not None]
        if not saved:
            return (
                f"The last good weights were those at the end of epoch {self._good + 1}, and no "
                "callback saved them: add keras.callbacks.ModelCheckpoint."
            )
        return f"The last good checkpoint: {', '.join(saved)}, of epoch {self._good + 1} or before."


class Quiet(keras.callbacks.Callback):
    """Stands between the history and the progress bar, which need not print a number a pair."""

    async_safe = True

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        for name in self.model.report.result():
            (logs or {}).pop(name, None)


def watched(callbacks: Any, more: Sequence[Any] = ()) -> Any:
    """The callbacks of a `fit`, with `Watch` before them and the history and `Quiet` after them.

    Args:
        callbacks: as `fit` was given them.
        more: further ones, that come last.
    """
    if isinstance(callbacks, keras.callbacks.CallbackList):
        # The list may have served another `fit`.
        ours = {Watch, *map(type, more)}
        theirs = [c for c in callbacks.callbacks if type(c) not in ours]
        callbacks.callbacks[:] = [Watch(theirs), *theirs, *more]
        for callback in (callbacks.callbacks[0], *more):
            callback.set_model(callbacks.model)
        return callbacks
    own = keras.tree.flatten(callbacks) if callbacks else []
    if not any(isinstance(callback, keras.callbacks.History) for callback in own):
        own.append(keras.callbacks.History())
    return [Watch(own), *own, Quiet(), *more]


def _finite(variables: Sequence[keras.Variable]) -> bool:
    """Whether all numbers are."""
    # On the host: as operations, each shape would be a program to compile.
    return all(np.isfinite(keras.ops.convert_to_numpy(v)).all() for v in variables)


def _saved_by(callback: Any, epoch: int) -> str | None:
    """Where a callback has saved the model at the end of an epoch, if it has."""
    if getattr(callback, "save_freq", None) != "epoch":
        return None
    path = getattr(callback, "filepath", None) or getattr(callback, "backup_dir", None)
    try:
        path = str(path).format(epoch=epoch + 1)
    except (KeyError, IndexError, ValueError):
        path = str(path)  # named by the scores of each epoch, too
    return path if Path(path).exists() or "{" in path else None
