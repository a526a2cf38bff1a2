"""Flips, shifts and zooms of pictures, and of what lies in them: each row has its own."""

import math
from typing import Any, NamedTuple

from keras import ops

from plait._hash import name_key, uniform

_LEAST_LEFT = 0.25
"""Of a box' area: one of which less stays in the frame is none any more."""


class Moves(NamedTuple):
    """Where each place of a frame comes from.

    What lies at p along an axis, from 0 to its size, comes from start + step · p, as if the picture
    went on beyond its frame. Each of these is `(batch, 1)` float32.

    Attributes:
        down: the start and the step along the height.
        across: those along the width.
        frame: (height, width).
    """

    down: tuple[Any, Any]
    across: tuple[Any, Any]
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
        """

        def draw(what: str) -> Any:
            word = name_key(f"{name}__{what}")
            return uniform(row_key[:, 0], row_key[:, 1], word)[:, None]

        factor = 1.0
        if zoom > 0:
            factor = ops.exp(math.log1p(zoom) * (2 * draw("zoom") - 1))

        def axis(size: int, flips: bool, kind: str) -> tuple[Any, Any]:
            step = ops.ones_like(row_key[:, :1], dtype="float32") / factor
            most = max(1, round(shift * size)) if shift > 0 else 0
            start = ops.floor((2 * most + 1) * draw(f"{kind}_shift")) - most
            if zoom > 0:
                start = start + (1 - step) * size * draw(f"{kind}_zoom")
            if not flips:
                return start, step
            flipped = draw(f"{kind}_flip") < 0.5
            return ops.where(flipped, start + step * size, start), ops.where(flipped, -step, step)

        return cls(axis(frame[0], flip[0], "rows"), axis(frame[1], flip[1], "columns"), frame)

    @property
    def rows(self) -> Any:
        """`(batch, height)` int32, the row that each one is taken from."""
        return _sources(self.down, self.frame[0])

    @property
    def columns(self) -> Any:
        """`(batch, width)` int32, likewise."""
        return _sources(self.across, self.frame[1])

    def of_maps(self, values: Any, ground: Any) -> Any:
        """Pictures or masks, moved.

        Args:
            values: `(batch, height, width)` or `(batch, height, width, channels)`.
            ground: what stands where nothing comes from, of the same type.
        """
        height, width = values.shape[1:3]
        rows, columns = self.rows, self.columns
        inside = ops.logical_and(
            ops.logical_and(rows >= 0, rows < height)[:, :, None],
            ops.logical_and(columns >= 0, columns < width)[:, None, :],
        )
        row = ops.cumsum(ops.ones_like(rows[:, 0]))[:, None, None] - 1
        place = (row * height + rows[:, :, None]) * width + columns[:, None, :]
        further = values.shape[3:]
        flat = ops.reshape(values, (-1, *further))
        moved = ops.take(flat, ops.where(inside, place, 0), axis=0)
        for _ in further:
            inside = inside[..., None]
        return ops.where(inside, moved, ops.cast(ground, values.dtype))

    def of_boxes(self, boxes: Any) -> Any:
        """Boxes, moved and cut to the frame; one of which little is left has a kind of 0.

        Args:
            boxes: `(batch, boxes, 5)` float: x0, y0, x1, y1 and the kind; 0 for none.
        """
        x0, x1 = _moved(boxes[..., 0], boxes[..., 2], self.across)
        y0, y1 = _moved(boxes[..., 1], boxes[..., 3], self.down)
        before = (x1 - x0) * (y1 - y0)
        x0, x1 = (ops.clip(x, 0, self.frame[1]) for x in (x0, x1))
        y0, y1 = (ops.clip(y, 0, self.frame[0]) for y in (y0, y1))
        kind = ops.where((x1 - x0) * (y1 - y0) >= _LEAST_LEFT * before, boxes[..., 4], 0.0)
        moved = ops.stack([x0, y0, x1, y1, kind], axis=-1)
        return ops.where(kind[..., None] > 0, moved, 0.0)


def _sources(axis: tuple[Any, Any], size: int) -> Any:
    start, step = axis
    middles = ops.arange(size, dtype="float32")[None, :] + 0.5
    return ops.cast(ops.floor(start + step * middles), "int32")


def _moved(low: Any, high: Any, axis: tuple[Any, Any]) -> tuple[Any, Any]:
    """The sides of boxes along one axis, which may lie beyond the frame."""
    start, step = axis
    one, other = (low - start) / step, (high - start) / step
    return ops.minimum(one, other), ops.maximum(one, other)
