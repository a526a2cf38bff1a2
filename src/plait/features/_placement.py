"""Where a picture lies in the frame that its feature makes of every picture."""

from typing import NamedTuple

import numpy as np

Size = tuple[int, int]
"""(height, width) in pixels."""


class Placement(NamedTuple):
    """A rectangle of a frame that a picture fills, in whole pixels of the frame.

    What is laid over a picture, a mask say, has to be laid by the same one.

    Attributes:
        top, left: of its first pixel.
        height, width: how large the picture is there.
    """

    top: int
    left: int
    height: int
    width: int

    @classmethod
    def of(cls, picture: Size, frame: Size) -> "Placement":
        """In the middle of the frame, at the picture's own proportions and as large as fits."""
        return cls.middle(_within(picture, frame), frame)

    @classmethod
    def middle(cls, shown: Size, frame: Size) -> "Placement":
        """In the middle of the frame, at the size that is to be shown."""
        height, width = shown
        return cls((frame[0] - height) // 2, (frame[1] - width) // 2, height, width)

    @property
    def inside(self) -> tuple[slice, slice]:
        """The rectangle as an index of an array `(height, width, ...)`."""
        rows = slice(self.top, self.top + self.height)
        return rows, slice(self.left, self.left + self.width)

    def nearest(self, picture: Size) -> tuple[np.ndarray, np.ndarray]:
        """The row and the column of the picture that each row and column of the rectangle shows.

        Args:
            picture: its size.

        Returns:
            `(height, 1)` and `(width,)` whole numbers, to index an array of that size with.
        """
        rows, columns = (
            (2 * np.arange(shown) + 1) * size // (2 * shown)
            for shown, size in zip((self.height, self.width), picture, strict=True)
        )
        return rows[:, None], columns


def _within(picture: Size, size: Size) -> Size:
    if picture == size:
        return size
    scale = min(size[0] / picture[0], size[1] / picture[1])
    fitted = [min(w, max(1, round(s * scale))) for s, w in zip(picture, size, strict=True)]
    # A seam of one pixel is rounding, not a proportion to keep.
    height, width = (w if w - s <= 1 else s for s, w in zip(fitted, size, strict=True))
    return height, width
