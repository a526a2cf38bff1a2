"""SciPy's distributions, loaded with the first answer that asks for one: they take a second."""

import importlib
from typing import Any


def __getattr__(name: str) -> Any:
    return getattr(importlib.import_module("scipy.stats"), name)
