"""Which pixel of a mask means which class."""

import colorsys
import io
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from PIL import Image

from plait.errors import ConfigError
from plait.features import UnreadableError

Value = int | tuple[int, int, int]
"""What stands for a class in a mask: a pixel's value, or red, green and blue."""
Classes = Mapping[str, Value] | tuple[str, ...]

IGNORED = 255
"""The number of a pixel that has no class, in the loss and in the scores."""
MOST_CLASSES = 255
_NAMED = 8
# The golden section of the circle of hues: near numbers get colours far from each other.
_TURN = 0.6180339887


@dataclass(frozen=True)
class MaskClasses:
    """Classes by number, each with the value or colour that stands for it in a mask.

    Attributes:
        names: of the classes.
        codes: what stands for each: a pixel's value, or 0xRRGGBB.
        coloured: whether masks are in colour.
        ignore: what stands for no class, as a code; None for nothing.
        others_ignored: whether what stands for nothing at all is left out like `ignore`.
    """

    names: tuple[str, ...]
    codes: tuple[int, ...]
    coloured: bool = False
    ignore: int | None = None
    others_ignored: bool = False

    @classmethod
    def declared(
        cls, classes: Classes, ignore: Value | None = None, others_ignored: bool = False
    ) -> Self:
        """From what the user wrote.

        Args:
            classes: names with their values or colours; names alone are of the values 0, 1, 2, ...
            ignore: the value or colour of no class.
            others_ignored: see the class.

        Raises:
            ConfigError: fewer than two classes, or too many; values and colours mixed, one named twice,
                or none that a pixel can have.
        """
        if not isinstance(classes, Mapping):
            if len(set(classes)) < len(classes):
                raise _wrong("classes names each class once", list(classes))
            classes = {name: value for value, name in enumerate(classes)}
        if not 2 <= len(classes) <= MOST_CLASSES:
            raise _wrong(f"classes has from 2 to {MOST_CLASSES} names", list(classes))
        values = [*classes.values(), *([] if ignore is None else [ignore])]
        coloured = not isinstance(values[0], int)
        for value in values:
            parts = [value] if isinstance(value, int) else list(value)
            fits = len(parts) == (3 if coloured else 1)
            if isinstance(value, int) == coloured or not fits or not all(map(_is_byte, parts)):
                raise _wrong(
                    "what stands for a class, or for none, is a whole number from 0 to 255 in all "
                    "places, or [red, green, blue] of such in all",
                    value,
                )
        codes = [code_of(value) for value in values]
        if len(set(codes)) < len(codes):
            raise _wrong(
                "what stands for a class stands for no other, and not for `ignore`", values
            )
        names, ignored = tuple(map(str, classes)), None if ignore is None else codes.pop()
        return cls(names, tuple(codes), coloured, ignored, others_ignored)

    @classmethod
    def from_state(cls, state: Mapping[str, Any], **more: Any) -> Self:
        """The classes whose `state()` this is."""
        return cls(tuple(state["classes"]), tuple(state["codes"]), state["coloured"], **more)

    def state(self) -> dict[str, Any]:
        """Plain JSON data; what is ignored is the task's own word."""
        return {
            "classes": list(self.names),
            "codes": list(self.codes),
            "coloured": self.coloured,
        }

    def numbers(self, pixels: np.ndarray) -> np.ndarray:
        """Each pixel's class.

        Args:
            pixels: `(height, width)` values, or `(height, width, 3)` colours.

        Returns:
            `(height, width)` uint8, `IGNORED` where there is none.

        Raises:
            UnreadableError: a value or colour that stands for nothing.
        """
        codes = codes_of(pixels)
        order = np.argsort(self.codes)
        known = np.array(self.codes)[order]
        if self.coloured:
            places = np.searchsorted(known, codes).clip(0, len(known) - 1)
            found = np.where(known[places] == codes, order[places], IGNORED).astype("uint8")
        else:
            by_value = np.full(256, IGNORED, "uint8")
            by_value[known] = order
            found = by_value[codes]
        if not self.others_ignored:
            self._refuse_others(codes, found)
        return found

    def _refuse_others(self, codes: np.ndarray, found: np.ndarray) -> None:
        nothing = found == IGNORED
        if self.ignore is not None:
            nothing &= codes != self.ignore
        if not nothing.any():
            return
        row, column = np.argwhere(nothing)[0]
        known = ", ".join(map(self.spelt, self.codes[:_NAMED]))
        more = f" and {len(self.codes) - _NAMED} more" if len(self.codes) > _NAMED else ""
        kind = "colour" if self.coloured else "value"
        raise UnreadableError(
            f"has a pixel of the {kind} {self.spelt(codes[row, column])} in row {row}, column "
            f"{column}, which is none of the classes: {known}{more}. Name it in classes=, or leave "
            'such pixels out by on_unseen="missing"'
        )

    def spelt(self, code: Any) -> str:
        """A code as the user writes it."""
        return str(list(colour_of(int(code)))) if self.coloured else str(int(code))

    def png(self, numbers: np.ndarray) -> bytes:
        """An indexed picture that `numbers` reads back.

        Args:
            numbers: `(height, width)` of classes.
        """
        if self.coloured:
            indices, palette = numbers, [colour_of(code) for code in self.codes]
        else:
            indices = np.array(self.codes, "uint8")[numbers]
            palette = [_hue(n) for n in range(max(self.codes) + 1)]
        image = Image.fromarray(indices.astype("uint8", copy=False))
        image.putpalette([part for colour in palette for part in colour])
        data = io.BytesIO()
        image.save(data, "PNG")
        return data.getvalue()


def codes_of(pixels: np.ndarray) -> np.ndarray:
    """One whole number a pixel, `(height, width)`: its value, or its colour as 0xRRGGBB."""
    if pixels.ndim == 2:
        return pixels
    red, green, blue = np.moveaxis(pixels.astype("int32"), -1, 0)
    return (red << 16) | (green << 8) | blue


def code_of(value: Value) -> int:
    """The code of a value or colour as the user wrote it."""
    if isinstance(value, int):
        return value
    red, green, blue = value
    return (red << 16) | (green << 8) | blue


def colour_of(code: int) -> tuple[int, int, int]:
    """Red, green and blue."""
    return code >> 16, code >> 8 & 255, code & 255


def _is_byte(part: Any) -> bool:
    return isinstance(part, int) and not isinstance(part, bool) and 0 <= part <= 255


def _wrong(rule: str, received: Any) -> ConfigError:
    return ConfigError(f"Segmentation: {rule}. Received: {received!r}.", ("classes",))


def _hue(number: int) -> tuple[int, int, int]:
    red, green, blue = colorsys.hsv_to_rgb(number * _TURN % 1, 0.65, 0.95)
    return round(255 * red), round(255 * green), round(255 * blue)
