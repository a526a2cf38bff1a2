"""A user's callbacks over a run that takes several calls of `fit`, or goes on after it was killed."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

import keras
import numpy as np

_HOOKS = (
    "on_epoch_begin",
    "on_epoch_end",
    "on_train_batch_begin",
    "on_train_batch_end",
    "on_test_begin",
    "on_test_end",
    "on_test_batch_begin",
    "on_test_batch_end",
)
_PLAIN = (bool, int, float, str, type(None))
_NOT_THEIRS = ("_model", "params", "validation_data")
"""What Keras puts into every callback."""
_BETWEEN_STEPS = ("on_batch_end", "on_train_batch_end", "on_test_batch_end")


class Throughout(keras.callbacks.Callback):
    """Callbacks to which several calls of `fit` are one.

    What they hold in plain attributes (numbers, text, arrays, and lists and dicts of these) is their
    state: so Keras' own, such as `EarlyStopping`, go on where they were. A callback with a state of
    another kind has methods `state` and `restore_state` of its own (see `Resumable`).

    Args:
        callbacks: the user's.
    """

    def __init__(self, callbacks: Sequence[keras.callbacks.Callback]) -> None:
        super().__init__()
        self.callbacks = list(callbacks)
        # Without one that has to run between two steps, Keras runs all of them beside the steps.
        self.async_safe = all(map(_may_run_beside, self.callbacks))
        self._begun = False

    def set_params(self, params: Any) -> None:
        super().set_params(params)
        for callback in self.callbacks:
            callback.set_params(params)

    def set_model(self, model: keras.Model) -> None:
        super().set_model(model)
        for callback in self.callbacks:
            callback.set_model(model)

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        if not self._begun:
            self._begun = True
            self._tell("on_train_begin", logs)

    def end(self) -> None:
        """The last call of `fit` is over."""
        if self._begun:
            self._tell("on_train_end", None)

    def state(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """What the callbacks hold, by their class and which of that class they are."""
        plain: dict[str, Any] = {}
        arrays: dict[str, np.ndarray] = {}
        for key, callback in self._by_key():
            if hasattr(callback, "restore_state"):
                plain[key], own = callback.state()
                arrays |= {f"{key}/{name}": values for name, values in own.items()}
                continue
            plain[key] = {}
            for name, value in vars(callback).items():
                own = {}
                with suppress(_NoStateError):
                    if name not in _NOT_THEIRS and not _is_turned_round(callback, name):
                        plain[key][name] = _packed(value, f"{key}/{name}", own)
                        arrays |= own
        return plain, arrays

    def restore_state(self, plain: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
        """Goes on from what `state` gave; a callback that was not there then begins anew."""
        for key, callback in self._by_key():
            if key not in plain:
                continue
            if hasattr(callback, "restore_state"):
                start = f"{key}/"
                own = {k.removeprefix(start): v for k, v in arrays.items() if k.startswith(start)}
                callback.restore_state(plain[key], own)
                continue
            for name, value in plain[key].items():
                setattr(callback, name, _unpacked(value, arrays))

    def _by_key(self) -> Iterator[tuple[str, keras.callbacks.Callback]]:
        """Each callback by a name that stays when one of another class is added or left out."""
        counted: Counter[str] = Counter()
        for callback in self.callbacks:
            name = type(callback).__name__
            yield f"{name}-{counted[name]}", callback
            counted[name] += 1

    def _tell(self, hook: str, *about: Any) -> None:
        for callback in self.callbacks:
            getattr(callback, hook)(*about)


def _may_run_beside(callback: keras.callbacks.Callback) -> bool:
    """As Keras decides it: it says so, or does nothing when a step is over."""
    if getattr(callback, "async_safe", False):
        return True
    # Of the object: `LambdaCallback` has them there.
    own = (getattr(getattr(callback, name), "__func__", None) for name in _BETWEEN_STEPS)
    return [*own] == [getattr(keras.callbacks.Callback, name) for name in _BETWEEN_STEPS]


def _is_turned_round(callback: keras.callbacks.Callback, name: str) -> bool:
    """Whether it is an argument whose sign Keras' `EarlyStopping` and its like choose themselves.

    They do when the first epoch ends that they see, whether the run began there or goes on.
    """
    return name == "min_delta" and hasattr(callback, "monitor_op")


class _NoStateError(TypeError):
    """A value that is no plain data."""


def _packed(value: Any, name: str, arrays: dict[str, np.ndarray]) -> Any:
    """Plain data as JSON data; its arrays are put beside it, by names that begin with `name`."""
    if isinstance(value, _PLAIN):
        return value
    if isinstance(value, np.generic | np.ndarray):
        if value.dtype.kind not in "biufc":
            raise _NoStateError
        arrays[name] = np.asarray(value)
        return {"array": name, "scalar": isinstance(value, np.generic)}
    if isinstance(value, list):
        return {"list": [_packed(v, f"{name}/{n}", arrays) for n, v in enumerate(value)]}
    if type(value) is dict and all(isinstance(key, _PLAIN) for key in value):
        items = enumerate(value.items())
        return {"dict": [[key, _packed(v, f"{name}/{n}", arrays)] for n, (key, v) in items]}
    raise _NoStateError


def _unpacked(value: Any, arrays: Mapping[str, np.ndarray]) -> Any:
    if not isinstance(value, Mapping):
        return value
    if "list" in value:
        return [_unpacked(item, arrays) for item in value["list"]]
    if "dict" in value:
        return {key: _unpacked(item, arrays) for key, item in value["dict"]}
    # A copy: what was read from a file is not for writing.
    found = np.array(arrays[value["array"]])
    return found[()] if value["scalar"] else found


def _forwarded(hook: str) -> Any:
    def told(self: Throughout, *about: Any, **also: Any) -> None:
        self._tell(hook, *about, *also.values())

    return told


for _hook in _HOOKS:
    setattr(Throughout, _hook, _forwarded(_hook))
