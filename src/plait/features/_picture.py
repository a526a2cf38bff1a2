"""Bytes of a picture to pixels."""

import io
import re
import struct
import threading
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np
import simplejpeg
from PIL import Image

from plait.features._media import UnreadableError
from plait.features._placement import Placement

MOST_PIXELS = 100_000_000
"""Larger pictures are refused by their header: a few kilobytes can declare gigabytes of pixels."""

DECODERS = f"simplejpeg {simplejpeg.__version__}, Pillow {Image.__version__}"
"""What decodes; another version may give other pixels."""

_JPEG = b"\xff\xd8\xff"
# The markers of what programs may add, and of comments.
_NOTES = re.compile(rb"\xff+[\xe0-\xef\xfe]", re.DOTALL)
_EXIF = b"Exif\0\0"
_FOUR = ("CMYK", "YCCK")
_KINDS = ("PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF", "PPM", "AVIF")
MALFORMED = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    IndexError,
    EOFError,
    RuntimeError,
    struct.error,
    zlib.error,
    Image.DecompressionBombError,
)
# The list of warnings to show belongs to the process, not to the thread that changes it.
_WARNINGS = threading.Lock()
_ORIENTATION = 0x0112
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


class Picture(NamedTuple):
    """A picture whose header has been read and found sound.

    Attributes:
        data: the file.
        height, width: in pixels, as it is to be seen.
        orientation: how the stored pixels are turned, as EXIF counts.
        image: None for a JPEG, which simplejpeg decodes.
        colours: how the pixels of that JPEG are stored: "Gray", "YCbCr", "RGB", "CMYK" or "YCCK".
    """

    data: bytes
    height: int
    width: int
    orientation: int
    image: Image.Image | None
    colours: str = ""

    @classmethod
    def open(cls, data: bytes) -> "Picture":
        """Reads the header.

        Raises:
            UnreadableError: no picture, one of 1 x 1, or one of more than `MOST_PIXELS`.
        """
        header = _jpeg_header(data) if data.startswith(_JPEG) else None
        if header is None:
            image, colours = opened(data), ""
            width, height = image.size
            orientation = _orientation(image)
        else:
            image, (height, width, colours) = None, header
            orientation = _orientation(opened(data)) if _may_be_turned(data) else 1
        if orientation >= 5:
            height, width = width, height
        if height * width > MOST_PIXELS:
            raise UnreadableError(
                f"declares {width} x {height} pixels, more than the {MOST_PIXELS // 1_000_000} "
                "million that are read"
            )
        if height * width <= 1:
            raise UnreadableError(f"is a picture of {width} x {height}, which shows nothing")
        return cls(data, height, width, orientation, image, colours)

    def pixels(
        self, size: tuple[int, int], channels: int | None = None, into: np.ndarray | None = None
    ) -> np.ndarray:
        """The picture at its own proportions, as large as it can be within `size`.

        Args:
            size: (height, width).
            channels: 1 for grey, 3 for colour, None for what the picture has.
            into: `(*size, channels)` uint8, which is returned where the pixels could be decoded there.

        Returns:
            `(height, width, channels)` uint8, one of the two sides equal to `size`.

        Raises:
            UnreadableError: pixels that are cut short or of 32 bits.
        """
        _, _, height, width = Placement.of((self.height, self.width), size)
        stored = (width, height) if self.orientation >= 5 else (height, width)
        if self.image is None:
            turned = self.orientation in _TURNS
            pixels = self._jpeg(stored, channels, None if turned else into)
            if pixels.shape[:2] == stored and not turned:
                return pixels
            image = Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)
        else:
            image = _loaded(self.image)
        if self.orientation in _TURNS:
            image = image.transpose(_TURNS[self.orientation])
        if channels is not None and image.mode != ("L" if channels == 1 else "RGB"):
            image = image.convert("L" if channels == 1 else "RGB")
        if image.size != (width, height):
            image = image.resize((width, height), Image.Resampling.BILINEAR, reducing_gap=3.0)
        return _array(image)

    def _jpeg(
        self, size: tuple[int, int], channels: int | None, into: np.ndarray | None
    ) -> np.ndarray:
        """The pixels, decoded at the smallest scale that is not below `size`."""
        grey = channels == 1 or (channels is None and self.colours == "Gray")
        kind = "CMYK" if self.colours in _FOUR else "GRAY" if grey else "RGB"
        height, width = size
        if into is not None and (kind == "CMYK" or (self.height, self.width) != into.shape[:2]):
            into = None
        try:
            # Scales between a half and the whole take longer than the whole.
            pixels = simplejpeg.decode_jpeg(
                self.data, kind, min_height=height, min_width=width, min_factor=2, buffer=into
            )
        except ValueError as error:
            # Stray bytes between two markers lose nothing, and many cameras write them. Pillow
            # overlooks them, and still tells a file that is cut short.
            if "extraneous bytes" not in str(error):
                raise UnreadableError(f"is a corrupt JPEG: {error}") from error
            return _array(_loaded(opened(self.data)).convert("L" if grey else "RGB"))
        if kind != "CMYK":
            return pixels if into is None else into
        return _array(_of_four(pixels).convert("L" if grey else "RGB"))


def letterbox(pixels: np.ndarray, canvas: np.ndarray, fill: np.ndarray) -> None:
    """Lays a picture into the middle of a canvas of the colour `fill`, unless it is that canvas."""
    if pixels is canvas:
        return
    if pixels.shape != canvas.shape:
        canvas[:] = fill
    canvas[Placement.middle(pixels.shape[:2], canvas.shape[:2]).inside] = pixels


def _array(image: Image.Image) -> np.ndarray:
    pixels = np.asarray(image)
    return pixels if pixels.ndim == 3 else pixels[..., None]


def _jpeg_header(data: bytes) -> tuple[int, int, str] | None:
    """Height, width and how its pixels are stored; None for what simplejpeg does not read."""
    try:
        height, width, colours, _ = simplejpeg.decode_jpeg_header(data)
    except (ValueError, KeyError):
        return None
    return height, width, colours


def _may_be_turned(data: bytes) -> bool:
    """Whether there is EXIF among the notes that a JPEG begins with."""
    place = 2
    while note := _NOTES.match(data, place):
        place = note.end()
        if data.startswith(_EXIF, place + 2):
            return True
        place += int.from_bytes(data[place : place + 2], "big")
    return False


def _of_four(pixels: np.ndarray) -> Image.Image:
    """A picture of a JPEG's cyan, magenta, yellow and black, `(height, width, 4)`."""
    height, width, _ = pixels.shape
    # They are stored upside down by custom, which Pillow goes by, too.
    return Image.frombytes("CMYK", (width, height), pixels.tobytes(), "raw", "CMYK;I")


def _loaded(image: Image.Image) -> Image.Image:
    """The pixels in grey or colour."""
    try:
        image.load()
        return _flat(image)
    except MALFORMED as error:
        raise UnreadableError(f"is a corrupt picture: {error}") from error


def opened(data: bytes) -> Image.Image:
    """The header of a picture of one of the known kinds.

    Pillow's own `open` refuses by a limit of its own, without saying the size, and tries readers
    that start other programs.
    """
    Image.init()
    for kind in _KINDS:
        if kind not in Image.OPEN:
            continue
        read, accepts = Image.OPEN[kind]
        # Some answer with a message where Pillow was built without their library.
        if accepts is not None and accepts(data[:16]) is not True:
            continue
        try:
            with _quiet():
                return read(io.BytesIO(data), "")
        except MALFORMED as error:
            raise UnreadableError(f"is a corrupt {kind} picture: {error}") from error
    raise UnreadableError(f"is no picture of a known kind ({', '.join(_KINDS)})")


@contextmanager
def _quiet() -> Iterator[None]:
    """Without Pillow's warnings, which name neither the cell nor a way out."""
    with _WARNINGS, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _orientation(image: Image.Image) -> int:
    try:
        with _quiet():
            return int(image.getexif().get(_ORIENTATION, 1))
    except MALFORMED:
        # The pixels may be sound where the notes beside them are not.
        return 1


def _flat(image: Image.Image) -> Image.Image:
    """In grey or colour of 8 bits, on white where it is transparent."""
    if image.mode.startswith("I;16"):
        return Image.fromarray((np.asarray(image) >> 8).astype("uint8"))
    if image.mode in ("I", "F"):
        raise UnreadableError("has pixels of 32 bits; expected 8 or 16 bits a channel")
    if image.has_transparency_data:
        seen = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        grey = image.mode in ("LA", "L", "1")
        return Image.alpha_composite(white, seen).convert("L" if grey else "RGB")
    return image.convert("L" if image.mode in ("1", "L") else "RGB")
