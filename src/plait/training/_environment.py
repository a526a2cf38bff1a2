"""What a run depended on, beside its configuration."""

import hashlib
import importlib.metadata
import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras

import plait
from plait.features import MediaReader
from plait.inference import Archive
from plait.table import Table
from plait.training._media_files import media_files

_LIBRARIES = ("keras", "numpy", "pyarrow", "scikit-learn", "jax", "torch", "tensorflow-cpu")


_UNREAD = "test"
"""The part whose files a run does not read."""


def environment(
    seed: int,
    start: str | None = None,
    media: Mapping[str, MediaReader] | None = None,
    /,
    **tables: Table,
) -> dict[str, Any]:
    """Versions, backend, seed, and the fingerprints of data: a model to begin with, each table, media.

    Of media files a table's fingerprint covers the paths alone; see `media_files` for the others.

    Args:
        seed: of the run.
        start: the model to begin with, if any.
        media: see `media_readers`.
        tables: the rows of each part.
    """
    return {
        "plait": plait.__version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "backend": keras.backend.backend(),
        "libraries": {name: version for name in _LIBRARIES if (version := _version(name))},
        "seed": seed,
        "start": None if start is None else _fingerprint(start),
        "data": {part: _data(part, table, media or {}) for part, table in tables.items()},
    }


def _data(part: str, table: Table, media: Mapping[str, MediaReader]) -> dict[str, Any]:
    found = {"table": table.name, "rows": len(table), "sha256": table.fingerprint()}
    files = {} if part == _UNREAD else media_files(table, media)
    return {**found, "media": files} if files else found


def _fingerprint(model: str) -> str:
    with Archive(Path(model)) as archive, archive.path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None
