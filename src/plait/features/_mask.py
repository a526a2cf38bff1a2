"""Bytes of a mask to the numbers that were stored: no colour is turned into another on the way."""

import numpy as np
from PIL import Image

from plait.features._media import UnreadableError
from plait.features._picture import MALFORMED, MOST_PIXELS, opened

# Not GIF: who writes one numbers the colours anew.
_EXACT = ("PNG", "BMP", "TIFF", "PPM")
_WHOLE_NUMBERS = ("1", "L", "P")
_COLOURS = ("RGB", "RGBA", "RGBX")


def mask_pixels(data: bytes, coloured: bool = False) -> np.ndarray:
    """A mask's pixels as they were stored.

    Args:
        data: a file of a kind that changes no pixel: PNG, BMP, TIFF or PPM.
        coloured: whether its pixels are colours, of which a palette's entries are taken, too.

    Returns:
        `(height, width)` uint8, a palette's index or a grey value a pixel; where `coloured`,
        `(height, width, 3)` uint8.

    Raises:
        UnreadableError: no picture, one whose kind does not keep every pixel, or one whose pixels are
            neither of 8 bits nor, where they are not `coloured`, whole numbers.
    """
    image = opened(data)
    if image.format not in _EXACT:
        raise UnreadableError(
            f"is a {image.format} picture, whose pixels need not be those that were saved; a mask is "
            f"one of {', '.join(_EXACT)}"
        )
    width, height = image.size
    if height * width > MOST_PIXELS:
        raise UnreadableError(
            f"declares {width} x {height} pixels, more than the {MOST_PIXELS // 1_000_000} million "
            "that are read"
        )
    try:
        image.load()
    except MALFORMED as error:
        raise UnreadableError(f"is a corrupt picture: {error}") from error
    if image.mode not in (*_WHOLE_NUMBERS, *_COLOURS):
        raise UnreadableError(f"has pixels of the kind {image.mode}; expected 8 bits a channel")
    if coloured:
        return np.asarray(image.convert("RGB"))
    return _whole_numbers(image)


def _whole_numbers(image: Image.Image) -> np.ndarray:
    pixels = np.asarray(image)
    if image.mode in _WHOLE_NUMBERS:
        return pixels.astype("uint8", copy=False)
    # Some programs save grey as three equal channels.
    if not (pixels[..., :3] == pixels[..., :1]).all():
        raise UnreadableError("is in colour, and no colour is named as that of a class")
    return pixels[..., 0]
