"""Rows of zeros and a few ones, of which only the places of the ones are held."""

from typing import Any

import numpy as np


class Ones:
    """Read like an array `(rows, columns)` of float32; the rows that are asked for are made then.

    Args:
        shape: (rows, columns).
        rows: the row of each one, `(ones,)`.
        columns: its column, `(ones,)`; the same place may be named twice.
    """

    dtype = np.dtype("float32")

    def __init__(self, shape: tuple[int, int], rows: np.ndarray, columns: np.ndarray) -> None:
        self.shape = shape
        order = np.argsort(rows, kind="stable")
        self._columns = columns[order].astype("int32")
        self._starts = np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=shape[0]))])

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: Any) -> np.ndarray:
        rows = np.asarray(rows)
        rows = np.flatnonzero(rows) if rows.dtype == bool else rows
        flat = rows.reshape(-1)
        starts = self._starts[flat]
        sizes = self._starts[flat + 1] - starts
        # The ones of each row stand one after the other, from where the row starts.
        places = np.arange(sizes.sum()) + np.repeat(starts - np.cumsum(sizes) + sizes, sizes)
        made = np.zeros((len(flat), self.shape[1]), self.dtype)
        made[np.repeat(np.arange(len(flat)), sizes), self._columns[places]] = 1
        return made.reshape(*rows.shape, self.shape[1])

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        whole = self[np.arange(len(self))]
        return whole if dtype is None else whole.astype(dtype)
