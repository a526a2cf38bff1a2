"""plait: one Keras 3 model for a table of pictures, text, sound, numbers and categories.

The flow, and where each stage lives::

    table -> features -> encoders -> fusion -> sharing -> heads -> losses -> balancing -> one step

Two doors: `Learner` for people with a table, `MultiTaskModel` for people who write Keras.
"""

import importlib
import os
import sys
from typing import Any

if "keras" not in sys.modules:
    os.environ.setdefault("KERAS_BACKEND", "jax")

__version__ = "0.1.0"

# Each public name and the module it is in. Nothing heavy is imported until a name is used, so that
# `plait --help` answers at once.
_WHERE: dict[str, str] = {
    "PlaitError": "plait.errors",
}

__all__ = sorted(_WHERE)


def __getattr__(name: str) -> Any:
    if name in _WHERE:
        return getattr(importlib.import_module(_WHERE[name]), name)
    raise AttributeError(f"module 'plait' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
