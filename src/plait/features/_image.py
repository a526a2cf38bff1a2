"""A picture."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, ClassVar, Literal, Self, get_args

import keras
import numpy as np
from keras import ops

from plait._moves import Moves
from plait._ranges import demand_number, demand_share, demand_whole
from plait.encoders import Encoder, ImageConv
from plait.errors import ConfigError
from plait.features._feature import ArraySpec, BrokenCell
from plait.features._light import relit
from plait.features._media import MediaCells
from plait.features._media_feature import MediaFeature, Medium
from plait.features._picture import DECODERS, Picture, letterbox
from plait.features._picture_statistics import in_colour, is_grey, moments, usual_size
from plait.features._rand_augment import LARGEST, OPERATIONS, Drawn, drawn_operations, moved_by
from plait.features._recoloured import recoloured
from plait.table import Column

Flip = Literal["horizontal", "vertical", "both"]
_LONGEST_SHOWN = 800


@dataclass(frozen=True, kw_only=True)
class Image(MediaFeature):
    """A picture: a path relative to the table's folder, or the bytes of a file.

    PNG, JPEG, GIF (first frame), WebP, BMP, TIFF, PPM and AVIF are read. A picture is turned as its
    EXIF orientation says, laid on white where it is transparent, brought to 8 bits, and shrunk or
    enlarged to `size` at its own proportions, in the middle of a ground of the mean colour. The
    model scales the pixels by the mean and deviation of the training pictures.

    Args:
        size: (height, width) or one number for both. If None, that of the training pictures where
            nearly all have one of at most 96 x 96; else their median at a longer side of at most
            96, rounded to multiples of 16.
        flip: in training each picture is mirrored or not, by chance and anew in each epoch:
            "horizontal" left to right, "vertical" upside down, "both". For pictures whose mirror image
            has the same labels; masks and boxes in them are mirrored, too.
        shift: in training each picture is shifted by up to this share of its height and width, along
            with the masks and boxes in it.
        zoom: in training each picture is enlarged or shrunk up to 1 + `zoom` times, along with the
            masks and boxes in it: it lies anywhere where it fills the frame, or the frame holds it.
        crop: in training a part of each picture, of 1 - `crop` to 1 of its area and lying anywhere in
            it, is enlarged to its size, along with the masks and boxes in it. The part has between
            3 : 4 and 4 : 3 of the picture's proportions, as far as so large a part can.
        jitter: in training the brightness of each picture, its contrast and the saturation of its
            colours are each multiplied by a number between 1 - `jitter` and 1 + `jitter`.
        rand_augment: in training so many operations are drawn for each picture, out of RandAugment's
            fourteen, one of which leaves it as it is: shear and translation along x and y, rotation;
            brightness, color, contrast, sharpness, posterize, solarize, autocontrast, equalize. Those
            that move it come first and together, along with the masks and boxes in it; a box becomes
            the upright one that holds what was in it.
        magnitude: how far each of these goes, from 0 to 30, where 30 is a rotation by 30 degrees.
        column, missing, encoder, tied, on_error: see `Feature`. Broken are: a file that does not
            exist, is cut short or is no picture, a picture of 1 x 1, and one of more than 100
            million pixels. A path that leaves the folder is an error whatever `on_error` says.

    Example:
        Image(size=64, on_error="absent")

    References:
        C. Szegedy et al., "Going Deeper with Convolutions" (2015), for `crop`; there a part that does
        not fit is drawn again.
        E. D. Cubuk, B. Zoph, J. Shlens, Q. V. Le, "RandAugment: Practical Automated Data Augmentation
        with a Reduced Search Space" (2020). There operations that move pictures come in the order in
        which they are drawn, with the others, shear holds a corner in its place, and what comes in is
        grey; here it holds the middle, and what comes in is of the mean colour.
    """

    modality: ClassVar[str] = "image"
    noun: ClassVar[str] = "picture"
    mixes: ClassVar[bool] = True

    size: int | tuple[int, int] | None = None
    flip: Flip | None = None
    shift: float = 0.0
    zoom: float = 0.0
    crop: float = 0.0
    jitter: float = 0.0
    rand_augment: int = 0
    magnitude: float = 9

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.flip not in (None, *get_args(Flip)):
            choices = ", ".join(map(repr, (None, *get_args(Flip))))
            raise ConfigError(f"Image: flip is one of {choices}. Received: {self.flip!r}.")
        demand_share("Image", shift=self.shift, zoom=self.zoom, crop=self.crop)
        demand_share("Image", jitter=self.jitter)
        demand_whole("Image", least=0, most=len(OPERATIONS), rand_augment=self.rand_augment)
        demand_number("Image", most=LARGEST, magnitude=self.magnitude)
        sides = (1, 1) if self.size is None else self.size
        both = tuple(sides) if isinstance(sides, list | tuple) else (sides, sides)
        if len(both) != 2 or not all(type(s) is int and 1 <= s <= 4096 for s in both):
            raise ConfigError(
                "Image: size is one number or (height, width), each from 1 to 4096. "
                f"Received: {self.size!r}."
            )

    def fit(self, column: Column) -> Self:
        cells = MediaCells(self, column, self.noun)
        size = self.size
        if size is None:
            size = usual_size(np.array(cells.sample(_size)))
        height, width = (size, size) if isinstance(size, int) else size
        pixels = cells.sample(lambda data: Picture.open(data).pixels((height, width)))
        grey = all(is_grey(p) for p in pixels)
        mean, std = moments([p[..., :1] if grey else in_colour(p) for p in pixels])
        state = {
            "height": height,
            "width": width,
            "channels": 1 if grey else 3,
            "mean": mean.tolist(),
            "std": np.where(std > 0, std, 1.0).tolist(),
        }
        return replace(self, state=state)

    @property
    def spec(self) -> ArraySpec:
        learnt = self.learnt
        return ArraySpec((learnt["height"], learnt["width"], learnt["channels"]), "uint8")

    @property
    def decoding(self) -> Mapping[str, Any]:
        return {"shape": self.spec.shape, "ground": self._ground.tolist(), "by": DECODERS}

    def decode(self, data: bytes, row: np.ndarray) -> Medium:
        height, width, channels = row.shape
        pixels = Picture.open(data).pixels((height, width), channels, row)
        letterbox(pixels, row, self._ground)
        return Medium(height)

    def sizes(self, column: Column) -> list[tuple[int, int] | None]:
        """Each picture's own height and width, as it is to be seen, from its header alone.

        Args:
            column: paths or bytes.

        Returns:
            One a row; None where the cell is empty or no picture.
        """
        cells = MediaCells(replace(self, on_error="absent"), column, self.noun)
        found: list[tuple[int, int] | None] = [None] * len(column)
        for row, size in cells.decoded(range(len(column)), lambda data, _: _size(data)):
            found[row] = None if isinstance(size, BrokenCell) else size
        return found

    def pictures(self, column: Column, most: int = _LONGEST_SHOWN) -> list[np.ndarray | None]:
        """Each picture as it is to be seen.

        Args:
            column: paths or bytes.
            most: pixels of the longer side, to which larger ones are shrunk.

        Returns:
            `(height, width, 1 or 3)` uint8 a row; None where the cell is empty or no picture.
        """
        cells = MediaCells(replace(self, on_error="absent"), column, self.noun)
        found: list[np.ndarray | None] = [None] * len(column)
        for row, pixels in cells.decoded(range(len(column)), lambda data, _: _pixels(data, most)):
            found[row] = None if isinstance(pixels, BrokenCell) else pixels
        return found

    @cached_property
    def _ground(self) -> np.ndarray:
        return np.rint(255 * np.array(self.learnt["mean"])).astype("uint8")

    def scaling(self) -> keras.layers.Layer | None:
        mean, std = self.learnt["mean"], self.learnt["std"]
        return keras.layers.Rescaling(
            [1 / (255 * s) for s in std], [-m / s for m, s in zip(mean, std, strict=True)]
        )

    @property
    def varies(self) -> bool:
        return self.moving or self.jitter > 0

    def varied(self, values: Any, row_key: Any, name: str) -> Any:
        if self.moving:
            values = self.moved(values, self.moves(row_key, name))
        values = relit(values, self.jitter, row_key, name)
        return recoloured(values, self._operations(row_key, name))

    @property
    def moving(self) -> bool:
        """Whether pictures are moved in training."""
        return self.flip is not None or any((self.shift, self.zoom, self.crop, self.rand_augment))

    def moves(self, row_key: Any, name: str) -> Moves:
        """How each picture of a batch is moved.

        Args:
            row_key: `(batch, 2)` int32.
            name: the feature's.
        """
        height, width, _ = self.spec.shape
        flip = (self.flip in ("vertical", "both"), self.flip in ("horizontal", "both"))
        how = (flip, self.shift, self.zoom, self.crop)
        moves = Moves.drawn(row_key, name, (height, width), *how)
        for drawn in self._operations(row_key, name):
            moves = moves.then(moved_by(drawn, moves.frame))
        return moves

    def moved(self, values: Any, moves: Moves) -> Any:
        """Pictures `(batch, height, width, channels)` uint8, moved over the ground."""
        return moves.of_maps(values, ops.convert_to_tensor(self._ground[: values.shape[-1]]))

    def _operations(self, row_key: Any, name: str) -> list[Drawn]:
        return drawn_operations(row_key, name, self.rand_augment, self.magnitude)

    def default_encoder(self, width: int) -> Encoder:
        return ImageConv(width)


def _size(data: bytes) -> tuple[int, int]:
    picture = Picture.open(data)
    return picture.height, picture.width


def _pixels(data: bytes, most: int) -> np.ndarray:
    picture = Picture.open(data)
    return picture.pixels((min(picture.height, most), min(picture.width, most)))
