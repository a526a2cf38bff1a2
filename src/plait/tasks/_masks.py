"""A column of masks: each read when it is asked for."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
import pyarrow as pa

from plait.errors import DataError
from plait.features import (
    BrokenCell,
    MediaCells,
    MediaReader,
    Placement,
    UnreadableError,
    mask_pixels,
)
from plait.table import Column
from plait.tasks._mask_classes import IGNORED

KEPT_BYTES = 1 << 28
"""Masks in the frame are kept in memory up to this size in all: later epochs need not decode them."""

Size = tuple[int, int]
Numbers = Callable[[np.ndarray], np.ndarray]


class MaskCells:
    """The masks of one column: paths, bytes, or lists of lists.

    Args:
        task: whose column it is.
        column: one mask a row.
        coloured: whether pixels are colours.

    Raises:
        DataError: a column of another type.
    """

    def __init__(self, task: MediaReader, column: Column, coloured: bool) -> None:
        self._task = task
        self._column = column
        self._coloured = coloured
        self._arrays = _is_list(column.type)
        if not self._arrays:
            # Refuses what holds no media.
            MediaCells(task, column.take(np.arange(0)), "mask")

    def read(
        self, rows: Iterable[int], numbers: Callable[[np.ndarray, int], Any]
    ) -> Iterator[tuple[int, Any]]:
        """Each of the rows that is labelled with what `numbers` makes of its pixels and its row.

        Raises:
            DataError: a mask that cannot be read, or that `numbers` refuses by `UnreadableError`.
        """
        indices = np.array(list(rows), "int64")
        column = self._column.take(indices)
        if self._arrays:
            yield from self._from_lists(column, indices, numbers)
            return

        def decode(data: bytes, place: int) -> Any:
            return numbers(mask_pixels(data, self._coloured), int(indices[place]))

        for place, found in MediaCells(self._task, column, "mask").decoded(
            range(len(indices)), decode
        ):
            assert not isinstance(found, BrokenCell)
            yield int(indices[place]), found

    def _from_lists(
        self, column: Column, indices: np.ndarray, numbers: Callable[[np.ndarray, int], Any]
    ) -> Iterator[tuple[int, Any]]:
        for place, cell in enumerate(column.values):
            if not cell.is_valid:
                continue
            try:
                found = numbers(_pixels(cell.as_py(), self._coloured), int(indices[place]))
            except UnreadableError as error:
                raise DataError(
                    f"{column.where(place)}: the mask {error}. Mend or empty the cell."
                ) from error
            yield int(indices[place]), found


class FramedMasks:
    """Masks as they lie in the frame of their pictures, indexed by rows like an array.

    Args:
        cells: of the column.
        labelled: `(rows,)` bool.
        frame: height and width.
        numbers: from a mask's pixels to numbers of classes.
        sizes: from rows to their pictures' own sizes, None where there is none; to None alone if no
            picture's size is known.
    """

    dtype = np.dtype("uint8")

    def __init__(
        self,
        cells: MaskCells,
        labelled: np.ndarray,
        frame: Size,
        numbers: Numbers,
        sizes: Callable[[np.ndarray], list[Size | None] | None] = lambda _: None,
    ) -> None:
        self.shape = (len(labelled), *frame)
        self._cells = cells
        self._labelled = labelled
        self._frame = frame
        self._numbers = numbers
        self._sizes = sizes
        # Zeros that nobody has written to take no memory. An unlabelled row stays so.
        keep = len(labelled) * frame[0] * frame[1] <= KEPT_BYTES
        self._kept = np.zeros(self.shape, self.dtype) if keep else None
        self._known = ~labelled

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: Any) -> np.ndarray:
        rows = np.asarray(rows)
        rows = np.flatnonzero(rows) if rows.dtype == bool else rows
        flat = rows.reshape(-1)
        found = self._laid(flat) if self._kept is None else self._remembered(self._kept, flat)
        return found.reshape(*rows.shape, *self._frame)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        whole = self[np.arange(len(self))]
        return whole if dtype is None else whole.astype(dtype)

    def _remembered(self, kept: np.ndarray, rows: np.ndarray) -> np.ndarray:
        new = np.unique(rows[~self._known[rows]])
        if len(new):
            # Two threads may write the same row; they write the same.
            kept[new] = self._laid(new)
            self._known[new] = True
        return kept[rows]

    def _laid(self, rows: np.ndarray) -> np.ndarray:
        once, places = np.unique(rows, return_inverse=True)
        laid = np.zeros((len(once), *self._frame), self.dtype)
        wanted = np.flatnonzero(self._labelled[once])
        sizes = self._sizes(once[wanted]) or [None] * len(wanted)
        size_of = dict(zip(once[wanted].tolist(), sizes, strict=True))

        def lay(pixels: np.ndarray, row: int) -> np.ndarray:
            demand_size(pixels.shape[:2], size_of[row])
            return in_frame(self._numbers(pixels), self._frame)

        place_of = {row: place for place, row in enumerate(once.tolist())}
        for row, mask in self._cells.read(once[wanted].tolist(), lay):
            laid[place_of[row]] = mask
        return laid[places]


def in_frame(numbers: np.ndarray, frame: Size) -> np.ndarray:
    """A mask laid as its picture is, each pixel the nearest one's; `IGNORED` beside the picture."""
    size = numbers.shape
    placed = Placement.of(size, frame)
    if size == frame:
        return numbers
    laid = np.full(frame, IGNORED, "uint8")
    laid[placed.inside] = numbers[placed.nearest(size)]
    return laid


def demand_size(mask: tuple[int, ...], picture: Size | None) -> None:
    """Refuses a mask of another size than its picture, if that is known.

    Raises:
        UnreadableError: it says both.
    """
    if picture is not None and tuple(mask) != picture:
        raise UnreadableError(
            f"is {mask[1]} x {mask[0]}, and its picture {picture[1]} x {picture[0]}; a mask has one "
            "pixel for each of its picture's"
        )


def _is_list(kind: pa.DataType) -> bool:
    return bool(
        pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)
    )


def _pixels(cell: list, coloured: bool) -> np.ndarray:
    """Nested lists as pixels."""
    try:
        pixels = np.array(cell)
    except ValueError:  # rows of several lengths
        pixels = np.array([])
    form = "(height, width, 3)" if coloured else "(height, width)"
    wanted = pixels.ndim == (3 if coloured else 2) and (not coloured or pixels.shape[-1] == 3)
    whole = pixels.dtype.kind in "iub" and pixels.size
    if not (wanted and whole) or pixels.min() < 0 or pixels.max() > 255:
        raise UnreadableError(
            f"is no array {form} of whole numbers from 0 to 255, but one of the shape "
            f"{pixels.shape} and type {pixels.dtype}"
        )
    return pixels.astype("uint8")
