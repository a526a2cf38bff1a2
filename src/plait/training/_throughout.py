"""A user's callbacks over a run that takes several calls of `fit`, or goes on after it was killed."""

from collections.abc import Mapping, Sequence
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


class Throughout(keras.callbacks.Callback):
    """Callbacks to which several calls of `fit` are one.

    What they hold in plain attributes (numbers, text, arrays and lists of these) is their state: so
    Keras' own, such as `EarlyStopping`, go on where they were. A callback with a state of another kind
    has methods `state` and `restore_state` of its own (see `Resumable`).

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
        """The callbacks' plain attributes, by their place."""
        plain: dict[str, Any] = {}
        arrays: dict[str, np.ndarray] = {}
        for n, callback in enumerate(self.callbacks):
            if hasattr(callback, "restore_state"):
                plain[str(n)], own = callback.state()
                arrays |= {f"{n}/{key}": values for key, values in own.items()}
                continue
            plain[str(n)] = {}
            for name, value in vars(callback).items():
                if name in ("_model", "params", "validation_data"):
                    continue
                if isinstance(value, _PLAIN):
                    plain[str(n)][name] = value
                elif isinstance(value, np.generic | np.ndarray):
                    plain[str(n)][name] = {"array": isinstance(value, np.ndarray)}
                    arrays[f"{n}/{name}"] = np.asarray(value)
                elif _is_list_of(value, _PLAIN):
                    plain[str(n)][name] = {"list": list(value)}
                elif _is_list_of(value, (np.ndarray,)):
                    plain[str(n)][name] = {"arrays": len(value)}
                    arrays |= {f"{n}/{name}/{i}": item for i, item in enumerate(value)}
        return plain, arrays

    def restore_state(self, plain: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
        """Goes on from what `state` gave."""
        for n, callback in enumerate(self.callbacks):
            start = f"{n}/"
            own = {k.removeprefix(start): v for k, v in arrays.items() if k.startswith(start)}
            if hasattr(callback, "restore_state"):
                callback.restore_state(plain[str(n)], own)
                continue
            for name, value in plain.get(str(n), {}).items():
                if not isinstance(value, Mapping):
                    found: Any = value
                elif "list" in value:
                    found = list(value["list"])
                elif "arrays" in value:
                    found = [own[f"{name}/{i}"] for i in range(value["arrays"])]
                else:
                    found = own[name] if value["array"] else own[name][()]
                setattr(callback, name, found)

    def _tell(self, hook: str, *about: Any) -> None:
        for callback in self.callbacks:
            getattr(callback, hook)(*about)


def _may_run_beside(callback: keras.callbacks.Callback) -> bool:
    """As Keras decides it: it says so, or has nothing to do between two steps."""
    names = ("on_batch_end", "on_train_batch_begin", "on_train_batch_end")
    default = all(
        getattr(type(callback), name) is getattr(keras.callbacks.Callback, name) for name in names
    )
    return default or bool(getattr(callback, "async_safe", False))


def _is_list_of(value: Any, kinds: tuple[type, ...]) -> bool:
    return isinstance(value, list) and all(isinstance(item, kinds) for item in value)


def _forwarded(hook: str) -> Any:
    def told(self: Throughout, *about: Any, **also: Any) -> None:
        self._tell(hook, *about, *also.values())

    return told


for _hook in _HOOKS:
    setattr(Throughout, _hook, _forwarded(_hook))
