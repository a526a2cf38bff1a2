"""What a run depended on, beside its configuration."""

import importlib.metadata
import platform
from typing import Any

import keras

import plait
from plait.table import Table

_LIBRARIES = ("keras", "numpy", "pyarrow", "scikit-learn", "jax", "torch", "tensorflow-cpu")


def environment(seed: int, **tables: Table) -> dict[str, Any]:
    """Versions, backend, seed, and each table's name, size and fingerprint.

    Of media files the fingerprint covers the paths alone.
    """
    return {
        "plait": plait.__version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "backend": keras.backend.backend(),
        "libraries": {name: version for name in _LIBRARIES if (version := _version(name))},
        "seed": seed,
        "data": {
            part: {"table": table.name, "rows": len(table), "sha256": table.fingerprint()}
            for part, table in tables.items()
        },
    }


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None
