"""What a run depended on, beside its configuration."""

import hashlib
import importlib.metadata
import platform
from typing import Any

import keras
import pyarrow as pa

import plait
from plait.table import Table

_LIBRARIES = (
    "keras",
    "numpy",
    "pyarrow",
    "scikit-learn",
    "jax",
    "torch",
    "tensorflow",
    "tensorflow_cpu",
)


class _HashSink:
    """A file that only keeps the hash of what is written to it."""

    closed = False

    def __init__(self) -> None:
        self.hash = hashlib.sha256()

    def write(self, content: Any) -> int:
        self.hash.update(content)
        return len(content)

    def flush(self) -> None:
        pass

    def close(self) -> None:
        self.closed = True


def fingerprint(table: Table) -> str:
    """SHA-256 of the table's cells and names; of media files, their paths alone."""
    sink = _HashSink()
    for name in table.names:
        cells = table.column(name).values.combine_chunks()
        batch = pa.record_batch([cells], names=[name])
        with pa.ipc.new_stream(pa.PythonFile(sink, mode="w"), batch.schema) as stream:
            stream.write_batch(batch)
    return sink.hash.hexdigest()


def environment(seed: int, **tables: Table) -> dict[str, Any]:
    """Versions, backend, seed, and the fingerprint and size of each table."""
    installed = {d.metadata["Name"].lower() for d in importlib.metadata.distributions()}
    return {
        "plait": plait.__version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "backend": keras.backend.backend(),
        "libraries": {n: importlib.metadata.version(n) for n in _LIBRARIES if n in installed},
        "seed": seed,
        "data": {
            part: {"source": t.source, "rows": len(t), "sha256": fingerprint(t)}
            for part, t in tables.items()
        },
    }
