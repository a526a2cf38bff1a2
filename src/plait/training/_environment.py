"""What a run depended on, beside its configuration."""

import hashlib
import importlib.metadata
import platform
from pathlib import Path
from typing import Any

import keras

import plait
from plait.inference import Archive
from plait.table import Table

_LIBRARIES = ("keras", "numpy", "pyarrow", "scikit-learn", "jax", "torch", "tensorflow-cpu")


def environment(seed: int, start: str | None = None, /, **tables: Table) -> dict[str, Any]:
    """Versions, backend, seed, the fingerprint of the model to begin with, and that of each table.

    Of media files the fingerprint covers the paths alone.
    """
    return {
        "plait": plait.__version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "backend": keras.backend.backend(),
        "libraries": {name: version for name in _LIBRARIES if (version := _version(name))},
        "seed": seed,
        "start": None if start is None else _fingerprint(start),
        "data": {
            part: {"table": table.name, "rows": len(table), "sha256": table.fingerprint()}
            for part, table in tables.items()
        },
    }


def _fingerprint(model: str) -> str:
    with Archive(Path(model)) as archive, archive.path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None
