"""RandAugment: of fourteen operations on pictures some for each row, and those that move pictures."""

import math
from typing import Any, NamedTuple

from keras import ops

from plait._hash import name_key, uniform
from plait._moves import Moves

OPERATIONS = (
    "identity",
    "shear_x",
    "shear_y",
    "translate_x",
    "translate_y",
    "rotate",
    "brightness",
    "color",
    "contrast",
    "sharpness",
    "posterize",
    "solarize",
    "autocontrast",
    "equalize",
)
LARGEST = 30
"""The largest magnitude."""

# At the largest magnitude, as in the authors' code.
_SHEAR = 0.3
_TRANSLATE = 150 / 331
_ROTATE = math.radians(30)


class Drawn(NamedTuple):
    """One operation for each row.

    Attributes:
        operation: `(batch,)` int32, of `OPERATIONS`.
        sign: `(batch,)` float32, 1 or -1: which way it goes, where it goes two ways.
        size: how far, as a share of the largest.
    """

    operation: Any
    sign: Any
    size: float

    def either(self, name: str, value: Any, otherwise: Any, rank: int = 1) -> Any:
        """A value where the operation is that one, else another; each of so many axes, or a number."""
        found = ops.reshape(self.operation, (-1, *(1,) * (rank - 1)))
        return ops.where(found == OPERATIONS.index(name), value, otherwise)


def drawn_operations(row_key: Any, name: str, count: int, magnitude: float) -> list[Drawn]:
    """So many operations for each row, in their order; a function of the row's key.

    Args:
        row_key: `(batch, 2)` int32.
        name: the feature's; others have operations of their own.
        count: of operations.
        magnitude: from 0 to `LARGEST`.
    """

    def draw(what: str) -> Any:
        return uniform(row_key[:, 0], row_key[:, 1], name_key(f"{name}__{what}"))

    found = []
    for n in range(count):
        operation = ops.cast(len(OPERATIONS) * draw(f"operation_{n}"), "int32")
        sign = ops.where(draw(f"sign_{n}") < 0.5, -1.0, 1.0)
        found.append(Drawn(operation, sign, magnitude / LARGEST))
    return found


def moved_by(drawn: Drawn, frame: tuple[int, int]) -> Moves:
    """The operations that move a picture: about its middle, or by whole places."""
    far, (height, width) = drawn.sign * drawn.size, frame
    angle = drawn.either("rotate", _ROTATE * far, 0.0)
    straight, turned = ops.cos(angle), ops.sin(angle)
    down_by_x = drawn.either("shear_y", _SHEAR * far, -turned)
    across_by_y = drawn.either("shear_x", _SHEAR * far, turned)
    down = drawn.either("translate_y", ops.round(_TRANSLATE * height * far), 0.0)
    across = drawn.either("translate_x", ops.round(_TRANSLATE * width * far), 0.0)
    y, x = height / 2, width / 2
    down = down + y - (straight * y + down_by_x * x)
    across = across + x - (across_by_y * y + straight * x)
    one, straight, down_by_x = (part[:, None] for part in (down, straight, down_by_x))
    other, across_by_y = across[:, None], across_by_y[:, None]
    return Moves((one, straight, down_by_x), (other, across_by_y, straight), frame)
