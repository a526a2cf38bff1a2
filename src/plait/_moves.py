"""Pictures that are moved, and what lies in them along with them: each row by a map of its own."""

import math
from typing import Any, NamedTuple

from keras import ops

from plait._hash import name_key, uniform

_LEAST_LEFT = 0.25
"""Of a box' area: one of which less stays in the frame is none any more."""
# The logarithm of the most that a part of a frame is wider, or higher, than the frame.
_PROPORTIONS = math.log(4 / 3)

Line = tuple[Any, Any, Any]


class Moves(NamedTuple):
    """Where each place of a frame comes from: an affine map for each row.

    What lies y down and x across, from 0 to the frame's size, comes from start + by_y · y + by_x · x
    down, and likewise across, as if the picture went on beyond its frame. Each of these numbers is
    `(batch, 1)` float32.

    Attributes:
        down: (start, by_y, by_x) of how far down.
        across: those of how far across.
        frame: (height, width).
    """

    down: Line
    across: Line
    frame: tuple[int, int]

    @classmethod
    def drawn(
        cls,
        row_key: Any,
        name: str,
        frame: tuple[int, int],
        flip: tuple[bool, bool] = (False, False),
        shift: float = 0.0,
        zoom: float = 0.0,
        crop: float = 0.0,
    ) -> "Moves":
        """Those of a batch, a function of each row's key.

        Args:
            row_key: `(batch, 2)` int32.
            name: what is moved; others have moves of their own.
            frame: (height, width).
            flip: whether half of the rows are flipped, upside down and left to right.
            shift: of each side, as far as a picture is shifted at most.
            zoom: a picture is enlarged or shrunk up to 1 + `zoom` times, and lies anywhere where it
                fills the frame, or the frame holds it.
            crop: before all of that a part of the frame is enlarged to fill it: of 1 - `crop` to 1 of
                its area, between 3 : 4 and 4 : 3 of its proportions as far as so large a part can, and
                lying anywhere in it.
        """

        def draw(what: str) -> Any:
            word = name_key(f"{name}__{what}")
            return uniform(row_key[:, 0], row_key[:, 1], word)[:, None]

        factor = 1.0
        if zoom > 0:
            factor = ops.exp(math.log1p(zoom) * (2 * draw("zoom") - 1))
        sides: tuple[Any, Any] = (1.0, 1.0)
        if crop > 0:
            sides = _sides(1 - crop * draw("crop"), 2 * draw("proportions") - 1)

        def axis(size: int, flips: bool, side: Any, kind: str) -> tuple[Any, Any]:
            step = ops.ones_like(row_key[:, :1], dtype="float32") / factor
            most = max(1, round(shift * size)) if shift > 0 else 0
            start = ops.floor((2 * most + 1) * draw(f"{kind}_shift")) - most
            if zoom > 0:
                start = start + (1 - step) * size * draw(f"{kind}_zoom")
            if flips:
                flipped = draw(f"{kind}_flip") < 0.5
                start = ops.where(flipped, start + step * size, start)
                step = ops.where(flipped, -step, step)
            if crop > 0:
                start = (1 - side) * size * draw(f"{kind}_crop") + side * start
                step = side * step
            return start, step

        (down, by_y), (across, by_x) = map(axis, frame, flip, sides, ("rows", "columns"))
        none = ops.zeros_like(by_y)
        return cls((down, by_y, none), (across, none, by_x), frame)

    @property
    def rows(self) -> Any:
        """`(batch, height, width)` int32, how far down lies what each place is taken from."""
        return self._sources(self.down)

    @property
    def columns(self) -> Any:
        """`(batch, height, width)` int32, likewise across."""
        return self._sources(self.across)

    def then(self, other: "Moves") -> "Moves":
        """What is moved so, and then by others of the same frame."""
        start, by_y, by_x = zip(other.down, other.across, strict=True)

        def through(line: Line) -> Line:
            own, y, x = line
            return (
                own + y * start[0] + x * start[1],
                y * by_y[0] + x * by_y[1],
                y * by_x[0] + x * by_x[1],
            )

        return Moves(through(self.down), through(self.across), self.frame)

    def of_maps(self, values: Any, ground: Any) -> Any:
        """Pictures or masks, moved.

        Args:
            values: `(batch, height, width)` or `(batch, height, width, channels)`.
            ground: what stands where nothing comes from, of the same type.
        """
        height, width = values.shape[1:3]
        rows, columns = self.rows, self.columns
        inside = ops.logical_and(
            ops.logical_and(rows >= 0, rows < height),
            ops.logical_and(columns >= 0, columns < width),
        )
        row = ops.cumsum(ops.ones_like(rows[:, 0, 0]))[:, None, None] - 1
        place = (row * height + rows) * width + columns
        further = values.shape[3:]
        flat = ops.reshape(values, (-1, *further))
        moved = ops.take(flat, ops.where(inside, place, 0), axis=0)
        for _ in further:
            inside = inside[..., None]
        return ops.where(inside, moved, ops.cast(ground, values.dtype))

    def of_boxes(self, boxes: Any) -> Any:
        """Boxes, moved and cut to the frame; one of which little is left has a kind of 0.

        A box that is turned or slanted becomes the upright one that holds it.

        Args:
            boxes: `(batch, boxes, 5)` float: x0, y0, x1, y1 and the kind; 0 for none.
        """
        x0, y0, x1, y1 = (boxes[..., n] for n in range(4))
        corners = [self._goes(y, x) for y in (y0, y1) for x in (x0, x1)]
        down, across = (ops.stack(found, axis=0) for found in zip(*corners, strict=True))
        y0, y1 = ops.min(down, axis=0), ops.max(down, axis=0)
        x0, x1 = ops.min(across, axis=0), ops.max(across, axis=0)
        before = (x1 - x0) * (y1 - y0)
        x0, x1 = (ops.clip(x, 0, self.frame[1]) for x in (x0, x1))
        y0, y1 = (ops.clip(y, 0, self.frame[0]) for y in (y0, y1))
        kind = ops.where((x1 - x0) * (y1 - y0) >= _LEAST_LEFT * before, boxes[..., 4], 0.0)
        moved = ops.stack([x0, y0, x1, y1, kind], axis=-1)
        return ops.where(kind[..., None] > 0, moved, 0.0)

    def _sources(self, line: Line) -> Any:
        start, by_y, by_x = (part[:, :, None] for part in line)
        y, x = (ops.arange(size, dtype="float32") + 0.5 for size in self.frame)
        return ops.cast(
            ops.floor(start + by_y * y[None, :, None] + by_x * x[None, None, :]), "int32"
        )

    def _goes(self, y: Any, x: Any) -> tuple[Any, Any]:
        """Where what lies there `(batch, places)` goes, which may be beyond the frame."""
        (down, a, b), (across, c, d) = self.down, self.across
        y, x, turned = y - down, x - across, a * d - b * c
        return (d * y - b * x) / turned, (a * x - c * y) / turned


def _sides(area: Any, slant: Any) -> tuple[Any, Any]:
    """The height and width of parts of a frame, as shares of its own.

    Args:
        area: of the part, in (0, 1].
        slant: in [-1, 1), from the lowest to the widest part that there may be.
    """
    most = ops.minimum(_PROPORTIONS, -ops.log(area))
    wide = ops.exp(most * slant)
    return ops.sqrt(area / wide), ops.sqrt(area * wide)
