"""Masks of their pictures' own sizes that are looked at after each epoch."""

from collections.abc import Callable, Iterator

import numpy as np

from plait.tasks._masks import KEPT_BYTES, MaskCells


class KeptMasks:
    """Masks as numbers of classes, of which the first ones stay in memory.

    Args:
        cells: of a column.
        numbers: from a mask's pixels and its row to numbers of classes.
    """

    def __init__(self, cells: MaskCells, numbers: Callable[[np.ndarray, int], np.ndarray]) -> None:
        self._cells = cells
        self._numbers = numbers
        self._kept: dict[int, np.ndarray] = {}
        self._room = KEPT_BYTES

    def read(self, rows: list[int]) -> Iterator[tuple[int, np.ndarray]]:
        """Each of the rows that is labelled with its mask, those that are in memory first.

        Raises:
            DataError: a mask that cannot be read, or that `numbers` refuses.
        """
        new = [row for row in rows if row not in self._kept]
        yield from ((row, self._kept[row]) for row in rows if row in self._kept)
        for row, mask in self._cells.read(new, self._numbers):
            self._room -= mask.nbytes
            # No later one takes the place of one that had none: the order stays, and so do sums.
            if self._room >= 0:
                self._kept[row] = mask
            yield row, mask
