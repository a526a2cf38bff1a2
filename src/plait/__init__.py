"""plait: one Keras 3 model for a table of pictures, text, sound, numbers and categories.

The flow, and where each stage lives::

    table -> features -> encoders -> fusion -> sharing -> heads -> losses -> balancing -> one step

Two doors: `Learner` for people with a table, `MultiTaskModel` for people who write Keras.
"""

import importlib
import os
import sys
from pathlib import Path
from typing import Any

if "keras" not in sys.modules:
    os.environ.setdefault("KERAS_BACKEND", "jax")

__version__ = "0.1.0"

# Each public name and the module it is in.
_WHERE: dict[str, str] = {
    "Balancer": "plait.balancing",
    "BalancingError": "plait.errors",
    "ConfigError": "plait.errors",
    "DataError": "plait.errors",
    "Equal": "plait.balancing",
    "Evidence": "plait.balancing",
    "FAMO": "plait.balancing",
    "GramianWeighting": "plait.balancing",
    "LossWeighting": "plait.balancing",
    "MoDo": "plait.balancing",
    "ModalityDropout": "plait.model",
    "ModelFileError": "plait.errors",
    "MultiTaskModel": "plait.model",
    "PCGrad": "plait.balancing",
    "PlaitError": "plait.errors",
    "StepContext": "plait.balancing",
    "Uncertainty": "plait.balancing",
}

__all__ = sorted(_WHERE)


def __getattr__(name: str) -> Any:
    if name in _WHERE:
        return getattr(importlib.import_module(_WHERE[name]), name)
    raise AttributeError(f"module 'plait' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


# Keras finds a class in a saved model only once the class has been imported. The command line imports
# what a verb needs itself, so that `plait --help` answers before Keras would have started.
if Path(sys.argv[0] if sys.argv else "").stem != "plait":
    for _module in sorted(set(_WHERE.values())):
        importlib.import_module(_module)
