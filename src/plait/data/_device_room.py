"""Where the decoded rows of a run may lie on the device that trains."""

import threading
from typing import Any, Self

import keras
import numpy as np

from plait._host_memory import host_memory_free
from plait.backend import device_memory


class DeviceRoom:
    """Room for decoded rows on a device with a memory of its own, and on the host until they move.

    One for all rows of a run. Where several devices share a batch there is none, and Keras spreads
    what comes from the host.

    Args:
        host: bytes of rows that may be kept on the host until all are there.
    """

    def __init__(self, host: int) -> None:
        self._host = host
        self._lock = threading.Lock()

    @classmethod
    def here(cls) -> Self | None:
        """Half of what is free on the device, or a quarter of it on the host if that is less.

        None where the device has no memory of its own.
        """
        memory = device_memory()
        if memory is None:
            return None
        return cls(min((memory.limit - memory.used) // 2, (host_memory_free() or 0) // 4))

    def claim(self, size: int) -> bool:
        """Whether rows of so many bytes may be kept until they move; they are counted if so."""
        with self._lock:
            if size > self._host:
                return False
            self._host -= size
            return True

    def hold(self, values: np.ndarray) -> Any:
        """A copy on the device; None if it takes more than half of what was never used there."""
        # One after the other: each sees what the others took.
        with self._lock:
            memory = device_memory()
            if memory is None or values.nbytes > (memory.limit - memory.peak) // 2:
                return None
            try:
                return keras.ops.convert_to_tensor(values)
            except RuntimeError:
                # Another process may have taken it.
                return None
