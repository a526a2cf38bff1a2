"""Memory that is used again."""

import math
import weakref
from typing import Any

import numpy as np


class Recycled:
    """Arrays in memory that is used again when nobody holds them any more.

    Memory that is fresh from the system has to be mapped and cleared first, page by page, which takes
    long beside what is done with it. What is given back is kept, since as much will be asked for again.
    """

    def __init__(self) -> None:
        self._free: list[Any] = []

    def empty(self, shape: tuple[int, ...], dtype: str) -> np.ndarray:
        """An array with anything in it."""
        count = math.prod(shape)
        size = count * np.dtype(dtype).itemsize
        try:
            memory = self._free.pop()
        except IndexError:
            memory = None
        if memory is None or memory.nbytes < size:
            memory = np.empty(size, "uint8").data
        # Every view of this array holds it, since what lies below it is no array.
        array: np.ndarray = np.frombuffer(memory, dtype, count)
        weakref.finalize(array, self._free.append, memory).atexit = False
        return array.reshape(shape)
