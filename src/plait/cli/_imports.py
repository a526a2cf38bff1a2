"""What a command loads, and what it leaves."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from plait.cli._uncollected import uncollected


@contextmanager
def lean_imports() -> Iterator[None]:
    """Around the imports of a command: nothing is collected in it, and TensorFlow stays away."""
    with uncollected():
        yield
    _leave_tensorflow()


class _WhereLoaded:
    """Keras' handle of TensorFlow, which is available only once something else has imported it."""

    def __init__(self, lazy: Any) -> None:
        self._lazy = lazy

    @property
    def available(self) -> bool:
        return "tensorflow" in sys.modules

    def __getattr__(self, name: str) -> Any:
        return getattr(self._lazy, name)


def _leave_tensorflow() -> None:
    """On another backend, keeps Keras from importing TensorFlow where that is installed.

    Keras asks of whatever it writes whether it is one of TensorFlow's shapes or types, and sets
    TensorFlow's seed beside its own. It imports TensorFlow for that, which takes a second or two
    and some 400 MB. Nothing can be of a package that nobody has imported. A Keras that has no such
    handle is left as it is.
    """
    keras = sys.modules.get("keras")
    if keras is None or keras.backend.backend() == "tensorflow":
        return
    for name in ("keras.src.saving.serialization_lib", "keras.src.utils.rng_utils"):
        module: Any = sys.modules.get(name)
        lazy = getattr(module, "tf", None)
        if hasattr(type(lazy), "available") and not isinstance(lazy, _WhereLoaded):
            module.tf = _WhereLoaded(lazy)
