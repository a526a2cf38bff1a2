"""scikit-learn's metrics, loaded with the first score: that takes longer than all of plait."""

import importlib
from typing import Any


def __getattr__(name: str) -> Any:
    return getattr(importlib.import_module("sklearn.metrics"), name)
