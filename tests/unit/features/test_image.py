"""Pictures: what is read, what is refused, and how it is said."""

import io
import os
import struct
import warnings
import zlib
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import simplejpeg
from PIL import Image as Pillow
from PIL import ImageOps

from plait.errors import ConfigError, DataError
from plait.features import Image, Placement
from plait.table import Column

RAMP = (np.add.outer(np.arange(20), np.arange(24))[..., None] * (3, 2, 1)).astype("uint8")


def file_of(pixels, kind="PNG", **options):
    data = io.BytesIO()
    picture = pixels if isinstance(pixels, Pillow.Image) else Pillow.fromarray(pixels)
    picture.save(data, kind, **options)
    return data.getvalue()


def column_of(cells, root=None):
    rows = np.arange(1, len(cells) + 1)
    return Column("photo", pa.chunked_array([pa.array(cells)]), rows, "train.csv", root)


def plain(size=(20, 24), **arguments):
    """A picture feature fitted to colour."""
    return Image(size=size, **arguments).fit(column_of([file_of(RAMP)]))


def read(data, **arguments):
    return plain(**arguments).encode(column_of([data])).values[0]


def noise(height, width):
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype="uint8")


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        ([(28, 28)] * 5, (28, 28)),
        ([(80, 60)] * 9 + [(60, 80)], (80, 60)),
        ([(600, 800)] * 3, (64, 96)),
        ([(30, 40), (33, 50), (35, 45)], (32, 48)),
        ([(2, 400)] * 3, (16, 96)),
    ],
)
def test_the_usual_size_of_the_training_pictures_is_taken(sizes, expected):
    feature = Image().fit(column_of([file_of(noise(*size)) for size in sizes]))
    assert feature.spec.shape == (*expected, 3)
    assert feature.spec.dtype == "uint8"


@pytest.mark.parametrize(
    "size", [0, -4, 5000, (), (8,), (8,) * 3, (8, 0), (8, 2.5), 2.5, True, "8"]
)
def test_impossible_sizes_are_refused(size):
    with pytest.raises(ConfigError, match=r"Image: size is one number or \(height, width\)"):
        Image(size=size)


def test_pictures_that_are_all_grey_have_one_channel():
    grey, colour = file_of(RAMP[..., 0]), file_of(RAMP)
    assert Image().fit(column_of([grey, file_of(RAMP[..., :1].repeat(3, 2))])).spec.shape[2] == 1
    assert Image().fit(column_of([grey, colour])).spec.shape[2] == 3


def test_scaling_gives_training_pixels_mean_0_and_deviation_1():
    column = column_of([file_of(noise(16, 16)), file_of(noise(16, 16) // 2)])
    feature = Image().fit(column)
    scaled = np.asarray(feature.scaling()(feature.encode(column).values))
    assert scaled.dtype == np.float32
    np.testing.assert_allclose(scaled.mean((0, 1, 2)), 0, atol=1e-3)
    np.testing.assert_allclose(scaled.std((0, 1, 2)), 1, atol=1e-3)


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF", "PPM"])
def test_lossless_kinds_come_unchanged(kind):
    np.testing.assert_array_equal(read(file_of(RAMP, kind)), RAMP)


@pytest.mark.parametrize("kind", ["JPEG", "WEBP"])
def test_lossy_kinds_come_near(kind):
    assert np.abs(read(file_of(RAMP, kind, quality=95)).astype(int) - RAMP).mean() < 6


def test_grey_palette_and_16_bit_pictures_become_colour():
    grey = RAMP[..., 0]
    wide = Pillow.fromarray(grey.astype("uint16") * 257)
    palette = Pillow.fromarray(grey).convert("P")
    for data in (file_of(grey), file_of(wide), file_of(palette), file_of(grey, "GIF")):
        np.testing.assert_array_equal(read(data), grey[..., None].repeat(3, 2))


def test_what_is_transparent_lies_on_white():
    layered = np.dstack([RAMP, np.full(RAMP.shape[:2], 255, "uint8")])
    layered[:10, :, 3] = 0
    values = read(file_of(layered))
    assert (values[:10] == 255).all()
    np.testing.assert_array_equal(values[10:], RAMP[10:])


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_a_picture_is_turned_as_its_camera_says(kind):
    exif = Pillow.Exif()
    exif[0x0112] = 6
    pixels = np.zeros((24, 20, 3), "uint8")
    pixels[:, :10] = 255
    turned = read(file_of(pixels, kind, exif=exif))
    assert turned[:9].min() > 200
    assert turned[11:].max() < 60


def test_large_jpegs_are_the_same_picture_as_large_pngs():
    rough = Pillow.fromarray(noise(5, 6)).resize((960, 800), Pillow.Resampling.BILINEAR)
    jpeg, png = read(file_of(rough, "JPEG", quality=95)), read(file_of(rough))
    assert np.abs(jpeg.astype(int) - png).mean() < 4


def test_proportions_are_kept_on_a_ground_of_the_mean_colour():
    feature = plain(size=16)
    values = feature.encode(column_of([file_of(np.full((8, 32, 3), 255, "uint8"))])).values[0]
    assert (values[6:10] == 255).all()
    ground = np.rint(255 * np.array(feature.state["mean"]))
    np.testing.assert_array_equal(values[[0, 5, 10, 15]], np.broadcast_to(ground, (4, 16, 3)))


def test_paths_are_relative_to_the_root(tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "a.png").write_bytes(file_of(RAMP))
    cells = ["folder/a.png", None, "./folder/../folder/a.png", str(tmp_path / "folder" / "a.png")]
    column = column_of(cells, tmp_path)
    encoded = Image().fit(column).encode(column)
    np.testing.assert_array_equal(encoded.present, [True, False, True, True])
    np.testing.assert_array_equal(encoded.values[[0, 2, 3]], [RAMP] * 3)


@pytest.mark.parametrize("on_error", ["raise", "absent"])
@pytest.mark.parametrize(
    "escape", ["../secret.png", "link.png", "absolute", "in/../../secret.png", "folder/secret.png"]
)
def test_a_path_that_leaves_the_root_is_always_an_error(tmp_path, escape, on_error):
    root = tmp_path / "root"
    root.mkdir()
    secret = tmp_path / "secret.png"
    secret.write_bytes(file_of(RAMP))
    os.symlink(secret, root / "link.png")
    os.symlink(tmp_path, root / "folder")
    cell = str(secret) if escape == "absolute" else escape
    with pytest.raises(DataError, match=r"column 'photo', row 1 of train\.csv: .*lies outside"):
        plain(on_error=on_error).encode(column_of([cell], root))


def bomb(kind, side=11_000):
    """A header of so many pixels, and hardly any data."""
    small = bytearray(file_of(Pillow.new("L", (4, 4)), kind))
    if kind == "PNG":
        at, size = 16, struct.pack(">II", side, side)
    elif kind == "GIF":
        at, size = small.index(b",\0\0\0\0") + 5, struct.pack("<HH", side, side)
    elif kind == "BMP":
        at, size = 18, struct.pack("<II", side, side)
    else:
        at, size = small.index(b"\xff\xc0") + 5, struct.pack(">HH", side, side)
    small[at : at + len(size)] = size
    if kind == "PNG":
        small[29:33] = struct.pack(">I", zlib.crc32(small[12:29]))
    return bytes(small)


BROKEN = {
    "nothing": (b"", "has 0 bytes"),
    "text": (b"not a picture at all", "no picture of a known kind"),
    "a cut PNG": (file_of(noise(20, 24))[:900], "corrupt"),
    "a cut JPEG": (file_of(noise(20, 24), "JPEG")[:500], "corrupt JPEG"),
    "a cut header": (file_of(RAMP)[:20], "corrupt"),
    "a corrupt AVIF": (
        b"\0\0\0\x1cftypavif" + bytes(80),
        "corrupt AVIF|no picture of a known kind",
    ),
    "one pixel": (file_of(RAMP[:1, :1]), "1 x 1"),
    "a PNG bomb": (bomb("PNG"), "11000 x 11000 pixels, more than the 100 million"),
    "a JPEG bomb": (bomb("JPEG"), "11000 x 11000 pixels, more than the 100 million"),
    "a BMP bomb": (bomb("BMP"), "11000 x 11000 pixels, more than the 100 million"),
    "a GIF bomb": (bomb("GIF"), "11000 x 11000 pixels, more than the 100 million"),
    "a large GIF bomb": (bomb("GIF", 30_000), "corrupt GIF picture: Image size .900000000 pixels"),
}
every_broken = pytest.mark.parametrize(("data", "reason"), BROKEN.values(), ids=BROKEN)


@every_broken
def test_broken_pictures_are_errors_that_name_the_cell(data, reason, tmp_path):
    (tmp_path / "b.png").write_bytes(data)
    column = column_of([None, "b.png"], tmp_path)
    place = r"column 'photo', row 2 of train\.csv: 'b\.png' "
    with pytest.raises(DataError, match=rf'{place}.*({reason}).*Image\(on_error="absent"\)'):
        plain().encode(column)


@every_broken
def test_broken_pictures_can_be_absent_without_a_word_from_elsewhere(data, reason):
    good = file_of(RAMP)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        encoded = plain(on_error="absent").encode(column_of([good, data, None]))
    np.testing.assert_array_equal(encoded.present, [True, False, False])
    assert not encoded.values[1:].any()
    (broken,) = encoded.broken
    assert (broken.row, broken.source, broken.column) == (2, "train.csv", "photo")


@pytest.mark.parametrize("cell", ["gone.png", "", ".", "a\0b", "x" * 5000])
def test_files_that_do_not_exist(cell, tmp_path):
    """An empty cell is no file; everything else is broken or outside."""
    feature = plain(on_error="absent")
    column = column_of([cell], tmp_path)
    if cell == ".":
        with pytest.raises(DataError, match="lies outside the folder"):
            feature.encode(column)
        return
    encoded = feature.encode(column)
    assert not encoded.present.any()
    assert [b.reason.endswith(f"does not exist in '{tmp_path}'") for b in encoded.broken] == (
        [True] if cell else []
    )


def test_training_pictures_that_are_all_broken_are_an_error():
    with pytest.raises(DataError, match=r"no picture of the training rows can be read\. Row 2: "):
        Image(on_error="absent").fit(column_of([None, b"text"]))


def test_broken_training_pictures_teach_nothing():
    cells = [file_of(RAMP), file_of(noise(20, 24))]
    with_broken = Image(on_error="absent").fit(
        column_of([b"text", *cells, file_of(noise(20, 24))[:900]])
    )
    means = with_broken.state["mean"]
    np.testing.assert_allclose(means, Image().fit(column_of(cells)).state["mean"])


def test_links_within_the_root_are_followed_and_those_to_nowhere_are_broken_cells(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.png").write_bytes(file_of(RAMP))
    os.symlink("in/a.png", tmp_path / "one.png")
    os.symlink("one.png", tmp_path / "two.png")
    os.symlink("round.png", tmp_path / "round.png")
    os.symlink("gone.png", tmp_path / "away.png")
    feature = plain(on_error="absent")
    cells = ["in/a.png", "two.png", "round.png", "away.png"]
    encoded = feature.encode(column_of(cells, tmp_path))
    assert encoded.present.tolist() == [True, True, False, False]
    np.testing.assert_array_equal(encoded.values[0], encoded.values[1])
    assert ["does not exist" in cell.reason for cell in encoded.broken] == [True, True]


def test_a_file_that_becomes_a_link_while_it_is_opened_does_not_lead_out(tmp_path, monkeypatch):
    root = tmp_path / "root"
    root.mkdir()
    (tmp_path / "secret.png").write_bytes(file_of(RAMP))
    os.symlink(tmp_path / "secret.png", root / "a.png")
    monkeypatch.setattr(os.path, "islink", lambda path: False)
    with pytest.raises(DataError, match="cannot be opened"):
        plain().encode(column_of(["a.png"], root))


def test_the_root_may_be_a_link(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "a.png").write_bytes(file_of(RAMP))
    os.symlink(tmp_path / "real", tmp_path / "link")
    encoded = plain().encode(column_of(["a.png"], Path(tmp_path / "link")))
    np.testing.assert_array_equal(encoded.values[0], RAMP)


def smooth(height, width, channels=3):
    """A picture that looks the same at every scale."""
    rough = noise(5, 6)[..., 0] if channels == 1 else noise(5, 6)
    return Pillow.fromarray(rough).resize((width, height), Pillow.Resampling.BICUBIC)


@pytest.mark.parametrize("scale", [1, 1.5, 2, 3, 4, 7, 8, 30])
@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_a_jpeg_is_decoded_at_the_smallest_scale_that_is_not_below_its_size(
    mode, scale, monkeypatch
):
    """And is then what it would be if the whole of it had been decoded and shrunk."""
    height, width = int(32 * scale), int(40 * scale)
    picture = smooth(height, width, 1 if mode == "L" else 3).convert(mode)
    sizes = []
    decode = simplejpeg.decode_jpeg
    monkeypatch.setattr(
        simplejpeg,
        "decode_jpeg",
        lambda *a, **k: (found := decode(*a, **k), sizes.append(found.shape[:2]))[0],
    )
    data = file_of(picture, "JPEG", quality=95)
    found = plain(size=(32, 40)).encode(column_of([data])).values[0]
    whole = np.asarray(picture.convert("RGB").resize((40, 32), Pillow.Resampling.BILINEAR))
    assert np.abs(found.astype(int) - whole).mean() < 4
    if mode != "CMYK":
        used = max(s for s in (1, 2, 4, 8) if s <= scale)
        (decoded,) = sizes
        assert 32 <= decoded[0] <= -(-height // used)
        assert 40 <= decoded[1] <= -(-width // used)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_large_jpeg_is_turned_after_it_is_shrunk(orientation):
    exif = Pillow.Exif()
    exif[0x0112] = orientation
    stored = smooth(300, 200)
    data = file_of(stored, "JPEG", quality=95, exif=exif)
    seen = ImageOps.exif_transpose(Pillow.open(io.BytesIO(data)))
    size = (30, 20) if orientation < 5 else (20, 30)
    found = plain(size=size).encode(column_of([data])).values[0]
    whole = np.asarray(seen.resize(size[::-1], Pillow.Resampling.BILINEAR)).astype(int)
    assert np.abs(found - whole).mean() < 4


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("size", [(20, 24), (20, 20)])
def test_a_jpeg_of_the_very_size_is_what_simplejpeg_makes_of_it(size, orientation):
    """Whether or not it can be decoded where the batch lies."""
    exif = Pillow.Exif()
    exif[0x0112] = orientation
    data = file_of(smooth(*size), "JPEG", quality=95, exif=exif)
    whole = simplejpeg.decode_jpeg(data)
    turned = np.asarray(ImageOps.exif_transpose(_tagged(whole, orientation)))
    feature = plain(size=turned.shape[:2])
    encoded = feature.encode(column_of([data, None, data]))
    np.testing.assert_array_equal(encoded.values[[0, 2]], [turned] * 2)
    assert not encoded.values[1].any()


def _tagged(pixels, orientation):
    picture = Pillow.fromarray(pixels)
    picture.getexif()[0x0112] = orientation
    return picture


def test_grey_and_cmyk_jpegs_of_the_very_size_become_colour():
    for mode in ("L", "CMYK"):
        picture = smooth(20, 24, 1 if mode == "L" else 3).convert(mode)
        found = read(file_of(picture, "JPEG", quality=95)).astype(int)
        assert np.abs(found - np.asarray(picture.convert("RGB"))).mean() < 4


@pytest.mark.parametrize("between", ["a comment", "a long profile", "fill bytes"])
def test_how_a_jpeg_is_turned_is_found_behind_other_notes(between):
    exif = Pillow.Exif()
    exif[0x0112] = 3
    data = file_of(RAMP, "JPEG", quality=95, exif=exif)
    at = data.index(b"\xff\xe1")
    note = {
        "a comment": b"\xff\xfe\0\x08\xff\xda\xff\xc0xx",
        "a long profile": b"\xff\xe2\xff\xff" + bytes(65533) + b"\xff\xe2\0\x04ab",
        "fill bytes": b"\xff\xff",
    }[between]
    np.testing.assert_array_equal(read(data[:at] + note + data[at:]), read(data))


def test_nothing_of_a_jpeg_that_breaks_off_is_left_in_its_row():
    data = file_of(noise(20, 24), "JPEG", quality=95)
    encoded = plain(on_error="absent").encode(column_of([data[: len(data) // 2]]))
    assert not encoded.present[0]
    assert not encoded.values.any()


def test_bytes_after_a_jpeg_lose_nothing():
    data = file_of(RAMP, "JPEG", quality=95)
    np.testing.assert_array_equal(read(data + b"what a phone adds"), read(data))


def with_stray_bytes(data):
    """Bytes before the last marker, as some cameras write them."""
    return data[:-2] + b"\x11\x22\x33\x44" * 10 + data[-2:]


def test_stray_bytes_between_markers_lose_nothing():
    data = file_of(smooth(160, 200), "JPEG", quality=95)
    with pytest.raises(ValueError, match="extraneous"):
        simplejpeg.decode_jpeg(with_stray_bytes(data))
    for size in ((160, 200), (40, 50)):
        feature = plain(size=size)
        values = feature.encode(column_of([data, with_stray_bytes(data)])).values.astype(int)
        assert np.abs(values[0] - values[1]).mean() < 2


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
@pytest.mark.parametrize("kept", [0.5, 0.9])
def test_a_jpeg_that_is_cut_short_is_never_half_a_picture(mode, kept):
    data = file_of(Pillow.fromarray(noise(160, 200)).convert(mode), "JPEG")
    cut = data[: int(kept * len(data))]
    for broken in (cut, cut + b"\xff\xd9"):
        with pytest.raises(DataError, match="corrupt"):
            plain(size=(20, 25)).encode(column_of([broken]))


def test_where_a_picture_lies_in_its_frame_is_told_as_it_is_laid():
    feature = plain(size=(40, 24))
    # 30 x 12 becomes 40 x 16, with 4 columns at either side.
    assert Placement.of((30, 12), (40, 24)) == (0, 4, 40, 16)
    pixels = feature.encode(column_of([file_of(np.full((30, 12, 3), 255, "uint8"))])).values[0]
    seen = (pixels == 255).all((0, 2))
    np.testing.assert_array_equal(seen, [False] * 4 + [True] * 16 + [False] * 4)


def test_sizes_are_those_of_the_pictures_as_they_are_seen(tmp_path):
    turned = Pillow.Exif()
    turned[0x0112] = 6
    (tmp_path / "a.jpg").write_bytes(file_of(noise(10, 30), "JPEG", exif=turned))
    (tmp_path / "b.png").write_bytes(file_of(noise(7, 9)))
    column = column_of(["a.jpg", None, "b.png", "gone.png"], tmp_path)
    assert plain().sizes(column) == [(30, 10), None, (7, 9), None]
