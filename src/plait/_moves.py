"""Flips and shifts of pictures, and of what lies in them: each row has its own."""

from typing import Any, NamedTuple

from keras import ops

from plait._hash import name_key, uniform

_LEAST_LEFT = 0.25
"""Of a box' area: one of which less stays in the frame is none any more."""


class Moves(NamedTuple):
    """Where each place of a frame comes from.

    Attributes:
        rows: `(batch, height)` int32, the row before, as if the picture went on beyond its frame.
        columns: `(batch, width)` int32, likewise.
    """

    rows: Any
    columns: Any

    @classmethod
    def drawn(
        cls, row_key: Any, name: str, frame: tuple[int, int], flip: tuple[bool, bool], shift: float
    ) -> "Moves":
        """Those of a batch, a function of each row's key.

        Args:
            row_key: `(batch, 2)` int32.
            name: what is moved; others have moves of their own.
            frame: (height, width).
            flip: whether half of the rows are flipped, upside down and left to right.
            shift: of each side, as far as a picture is shifted at most.
        """

        def axis(size: int, flips: bool, kind: str) -> Any:
            def draw(what: str) -> Any:
                word = name_key(f"{name}__{kind}_{what}")
                return uniform(row_key[:, 0], row_key[:, 1], word)[:, None]

            place = ops.arange(size, dtype="int32")[None, :]
            if flips:
                place = ops.where(draw("flip") < 0.5, size - 1 - place, place)
            most = max(1, round(shift * size)) if shift > 0 else 0
            offset = ops.floor((2 * most + 1) * draw("shift"))
            return place + ops.cast(offset, "int32") - most + ops.zeros_like(row_key[:, :1])

        return cls(axis(frame[0], flip[0], "rows"), axis(frame[1], flip[1], "columns"))

    def of_maps(self, values: Any, ground: Any) -> Any:
        """Pictures or masks, moved.

        Args:
            values: `(batch, height, width)` or `(batch, height, width, channels)`.
            ground: what stands where nothing comes from, of the same type.
        """
        height, width = values.shape[1:3]
        inside = ops.logical_and(
            ops.logical_and(self.rows >= 0, self.rows < height)[:, :, None],
            ops.logical_and(self.columns >= 0, self.columns < width)[:, None, :],
        )
        row = ops.cumsum(ops.ones_like(self.rows[:, 0]))[:, None, None] - 1
        place = (row * height + self.rows[:, :, None]) * width + self.columns[:, None, :]
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
        x0, x1 = _moved(boxes[..., 0], boxes[..., 2], self.columns)
        y0, y1 = _moved(boxes[..., 1], boxes[..., 3], self.rows)
        before = (boxes[..., 2] - boxes[..., 0]) * (boxes[..., 3] - boxes[..., 1])
        kind = ops.where((x1 - x0) * (y1 - y0) >= _LEAST_LEFT * before, boxes[..., 4], 0.0)
        moved = ops.stack([x0, y0, x1, y1, kind], axis=-1)
        return ops.where(kind[..., None] > 0, moved, 0.0)


def _moved(low: Any, high: Any, source: Any) -> tuple[Any, Any]:
    """The sides of boxes along one axis, within the frame."""
    size = source.shape[1]
    # The source of place p is first + p, or first - p: so the place of a side follows from the first.
    first, last = ops.cast(source[:, :1], "float32"), ops.cast(source[:, -1:], "float32")
    flipped = last < first
    start = ops.where(flipped, first + 1 - high, low - first)
    end = ops.where(flipped, first + 1 - low, high - first)
    return ops.clip(start, 0, size), ops.clip(end, 0, size)
