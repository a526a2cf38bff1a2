"""Masks: what is read comes as it was stored, and the rest is refused."""

import io

import numpy as np
import pytest
from PIL import Image as Pillow

from plait.features import UnreadableError, mask_pixels

PIXELS = np.array([[0, 1, 2], [200, 255, 1]], "uint8")


def file_of(picture, kind="PNG", **options):
    data = io.BytesIO()
    picture = picture if isinstance(picture, Pillow.Image) else Pillow.fromarray(picture)
    picture.save(data, kind, **options)
    return data.getvalue()


def with_palette(pixels, colours):
    picture = Pillow.fromarray(pixels)
    picture.putpalette([part for colour in colours for part in colour])
    return picture


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF", "PPM"])
def test_grey_values_come_as_they_were_stored(kind):
    np.testing.assert_array_equal(mask_pixels(file_of(PIXELS, kind)), PIXELS)


def test_of_a_palette_the_index_is_the_value_and_its_colour_the_colour():
    picture = with_palette(PIXELS % 3, [(9, 8, 7), (0, 0, 0), (255, 0, 4)])
    np.testing.assert_array_equal(mask_pixels(file_of(picture)), PIXELS % 3)
    colours = mask_pixels(file_of(picture), coloured=True)
    assert colours[0].tolist() == [[9, 8, 7], [0, 0, 0], [255, 0, 4]]


def test_bits_are_zeros_and_ones():
    given = mask_pixels(file_of(Pillow.fromarray(PIXELS > 100)))
    np.testing.assert_array_equal(given, PIXELS > 100)
    assert given.dtype == np.uint8


def test_grey_may_be_saved_as_colour_and_colour_is_no_value():
    np.testing.assert_array_equal(mask_pixels(file_of(np.stack([PIXELS] * 3, -1))), PIXELS)
    colour = np.stack([PIXELS, PIXELS, PIXELS + 1], -1)
    with pytest.raises(UnreadableError, match="is in colour, and no colour is named"):
        mask_pixels(file_of(colour))
    np.testing.assert_array_equal(mask_pixels(file_of(colour), coloured=True), colour)


@pytest.mark.parametrize("kind", ["JPEG", "WEBP", "GIF"])
def test_kinds_that_change_pixels_are_refused(kind):
    with pytest.raises(UnreadableError, match=rf"is a {kind} picture, .* a mask is one of PNG"):
        mask_pixels(file_of(PIXELS, kind))


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"no picture", "is no picture of a known kind"),
        (file_of(np.arange(10_000, dtype="uint8").reshape(100, 100))[:-30], "corrupt"),
        (file_of(PIXELS.astype("uint16") * 257), "has pixels of the kind I;16; expected 8 bits"),
    ],
)
def test_what_is_no_mask_is_refused(data, reason):
    with pytest.raises(UnreadableError, match=reason):
        mask_pixels(data)
