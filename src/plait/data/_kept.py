"""Decoded rows that are kept for later epochs, in memory and on the device that trains."""

import threading
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np

from plait.backend import device_memory
from plait.data._encoded_rows import absent, put, taken
from plait.features import ArraySpec, Encoded


@dataclass
class Kept:
    """Decoded rows of one feature, and which of them are there.

    Once all of them are, the values are copied to the device that trains if it has a memory of its
    own and half of what was never used of it holds them. A batch is put together there from then on,
    and nothing but its row numbers goes over the bus.

    Attributes:
        encoded: the rows, and an absent one behind them.
        known: `(rows,)` bool.
    """

    encoded: Encoded
    known: np.ndarray
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)
    _settled: bool = False
    _on_device: Any = None

    @classmethod
    def empty(cls, spec: ArraySpec, rows: int) -> "Kept":
        """So many rows, none of them there."""
        return cls(absent(spec, rows + 1), np.zeros(rows, bool))

    def keep(self, indices: np.ndarray, encoded: Encoded) -> None:
        """Keeps rows."""
        # Two threads may decode one row; both write the same values, and `known` comes last.
        put(self.encoded, indices, encoded)
        self.known[indices] = True

    def taken(self, indices: np.ndarray, size: int) -> Encoded:
        """Rows that are there, with absent ones behind them up to `size`.

        Their values are a tensor where they are on the device.
        """
        held = self._held()
        if held is None:
            return taken(self.encoded, indices, size)
        rows = np.full(size, len(self.known), "int32")
        rows[: len(indices)] = indices
        lengths = None if self.encoded.lengths is None else self.encoded.lengths[rows]
        return Encoded(keras.ops.take(held, rows, axis=0), self.encoded.present[rows], lengths)

    def _held(self) -> Any:
        if not self._settled and self.known.all():
            with self._lock:
                if not self._settled:
                    if _has_room(self.encoded.values.nbytes):
                        self._on_device = keras.ops.convert_to_tensor(self.encoded.values)
                    self._settled = True
        return self._on_device


def _has_room(size: int) -> bool:
    """Whether the device that trains holds that many bytes beside what a step takes."""
    memory = device_memory()
    if memory is None or keras.distribution.distribution() is not None:
        return False
    return size <= (memory.limit - memory.peak) / 2
