"""From boxes as a table has them to boxes in the frame that a model reads, and back."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from plait.features import Placement
from plait.tasks._box_cells import BoxLists

Units = Literal["pixels", "fractions"]
Size = tuple[int, int]

_ROUNDING = {"pixels": 1.0, "fractions": 0.01}
"""How far over its picture a box may reach: what is written in few digits, or counts pixels from 1."""
_NO_FRACTION = 2.0


def guessed_units(lists: BoxLists) -> Units:
    """What the coordinates of the training rows are in.

    Raises:
        DataError: neither fits.
    """
    farthest = lists.corners.max(axis=1)
    most = float(farthest.max())
    if most <= 1 + _ROUNDING["fractions"]:
        return "fractions"
    if most >= _NO_FRACTION:
        return "pixels"
    raise lists.refusal(
        int(farthest.argmax()),
        "it reaches over its picture if the boxes are fractions of it, and all boxes lie within two "
        'pixels if they are pixels. Declare Boxes(units="pixels") or Boxes(units="fractions").',
    )


@dataclass(frozen=True)
class BoxFrames:
    """How each of some rows' boxes lie in the frame.

    Attributes:
        size: `(rows, 2)`: width and height of each picture, in pixels.
        scale: `(rows, 2)`: pixels of the frame in one of the picture, along x and y.
        start: `(rows, 2)`: x and y of the picture's corner in the frame.
        units: what the table's boxes are in.
    """

    size: np.ndarray
    scale: np.ndarray
    start: np.ndarray
    units: Units

    @classmethod
    def of(cls, sizes: Sequence[Size], frame: Size, units: Units) -> "BoxFrames":
        """Those of pictures of such (height, width) in a frame of such (height, width)."""
        places = np.array([Placement.of(size, frame) for size in sizes], "float64").reshape(-1, 4)
        size = np.array(sizes, "float64").reshape(-1, 2)[:, ::-1]
        return cls(size, places[:, 3:1:-1] / size, places[:, 1::-1], units)

    def pixels(self, lists: BoxLists) -> np.ndarray:
        """The boxes in pixels of their pictures, `(boxes, 4)`, cut off where rounding is over the edge.

        Raises:
            DataError: a box outside its picture.
        """
        size = np.tile(self.size[lists.parents], 2)
        most = size if self.units == "pixels" else np.ones_like(size)
        slack = _ROUNDING[self.units]
        corners = lists.corners
        outside = ((corners < -slack) | (corners > most + slack)).any(axis=1)
        # What lies in the rounding alone is no part of the picture.
        cut = np.clip(corners, 0, most)
        outside |= (cut[:, 2:] <= cut[:, :2]).any(axis=1)
        if outside.any():
            box = int(np.flatnonzero(outside)[0])
            width, height = most[box, :2].tolist()
            way_out = self._way_out(corners)
            raise lists.refusal(
                box,
                f"this box reaches outside its picture, which is {width:g} wide and {height:g} high "
                f"in {self.units}. {way_out}, or mend the cell.",
            )
        return cut if self.units == "pixels" else cut * size

    def _way_out(self, corners: np.ndarray) -> str:
        """What may be meant by boxes of which some reach outside their pictures."""
        if self.units == "fractions" and (corners > _NO_FRACTION).any():
            return 'Declare Boxes(units="pixels")'
        if self.units == "pixels" and (corners <= 1).all():
            return 'Declare Boxes(units="fractions")'
        return "Cut it off there"

    def framed(self, boxes: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """Boxes in pixels of the pictures of some rows, in pixels of the frame, `(boxes, 4)`."""
        return boxes * np.tile(self.scale[rows], 2) + np.tile(self.start[rows], 2)

    def unframed(self, boxes: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """The way back, cut off at the picture's edges."""
        found = (boxes - np.tile(self.start[rows], 2)) / np.tile(self.scale[rows], 2)
        return np.clip(found, 0, np.tile(self.size[rows], 2))

    def in_units(self, boxes: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """Boxes in pixels of the pictures, as the table has them."""
        return boxes if self.units == "pixels" else boxes / np.tile(self.size[rows], 2)
