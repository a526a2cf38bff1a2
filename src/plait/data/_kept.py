"""Decoded rows that are kept for later epochs, in memory or on the device that trains."""

import threading
from dataclasses import dataclass, field, replace
from typing import Any

import keras
import numpy as np

from plait.data._device_room import DeviceRoom
from plait.data._encoded_rows import absent, put, taken
from plait.features import ArraySpec, Encoded


@dataclass
class Kept:
    """Decoded rows of one feature, and which of them are there.

    Once all of them are, the values move to the device that trains, if it has room for them. A batch of
    them is put together there from then on.

    Attributes:
        encoded: the rows, and an absent one behind them.
        known: `(rows,)` bool.
        room: on the device; None for none.
    """

    encoded: Encoded
    known: np.ndarray
    room: DeviceRoom | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)
    _settled: bool = False
    _on_device: Any = None

    @classmethod
    def empty(cls, spec: ArraySpec, rows: int, room: DeviceRoom | None = None) -> "Kept":
        """So many rows, none of them there."""
        return cls(absent(spec, rows + 1), np.zeros(rows, bool), room)

    def keep(self, indices: np.ndarray, encoded: Encoded) -> None:
        """Keeps rows."""
        kept = self.encoded
        # Two threads may decode one row, and one of them when all rows have moved.
        if kept.values.size:
            # Both write the same values, and `known` comes last.
            put(kept, indices, encoded)
            self.known[indices] = True

    def rows(self, indices: np.ndarray, size: int) -> Encoded:
        """Rows that are there, with absent ones behind them up to `size`.

        Their values are a tensor where they are on the device.
        """
        # Before it is asked whether they have moved: they may as soon as it was.
        kept = self.encoded
        held = self._held()
        if held is None:
            return taken(kept, indices, size)
        rows = np.full(size, len(self.known), "int32")
        rows[: len(indices)] = indices
        lengths = None if kept.lengths is None else kept.lengths[rows]
        return Encoded(keras.ops.take(held, rows, axis=0), kept.present[rows], lengths)

    def _held(self) -> Any:
        if self.room is not None and not self._settled and self.known.all():
            with self._lock:
                if not self._settled:
                    self._on_device = self.room.hold(self.encoded.values)
                    if self._on_device is not None:
                        self.encoded = replace(self.encoded, values=np.empty(0))
                    self._settled = True
        return self._on_device
