"""Media that are decoded once and kept on disk."""

import io

import numpy as np
import pyarrow as pa
import pytest
import soundfile
from PIL import Image as Pillow

from plait._disk_cache import DiskCache
from plait.errors import DataError
from plait.features import Audio, Image, _media_feature
from plait.table import Column


def picture(seed):
    data = io.BytesIO()
    pixels = np.random.default_rng(seed).integers(0, 256, (20, 24, 3), dtype="uint8")
    Pillow.fromarray(pixels).save(data, "PNG")
    return data.getvalue()


def sound(seed, samples=800):
    data = io.BytesIO()
    wave = np.random.default_rng(seed).normal(0, 0.1, samples)
    soundfile.write(data, wave, 4000, format="WAV")
    return data.getvalue()


CELLS = {
    Image: [picture(0), None, picture(1), picture(0)],
    Audio: [sound(0), sound(1, 300), None, sound(2, 5000)],
}
FITTED = {Image: Image(), Audio: Audio(seconds=0.2)}
every_kind = pytest.mark.parametrize("kind", CELLS)


def column_of(cells):
    return Column("cell", pa.chunked_array([pa.array(cells)]), np.arange(1, len(cells) + 1), "t")


@pytest.fixture
def disk(tmp_path, monkeypatch):
    """A cache that keeps even what is decoded in no time."""
    monkeypatch.setattr(_media_feature, "_GAIN", 0)
    return DiskCache(tmp_path, 1 << 30)


@every_kind
def test_what_is_on_disk_is_not_decoded_again_and_is_the_same(kind, disk, monkeypatch):
    column = column_of(CELLS[kind])
    feature = FITTED[kind].fit(column)
    plain, first = feature.encode(column), feature.encode(column, disk)
    monkeypatch.setattr(kind, "decode", lambda *_: pytest.fail("decoded again"))
    for found in (first, FITTED[kind].fit(column).encode(column, disk)):
        np.testing.assert_array_equal(found.values, plain.values)
        np.testing.assert_array_equal(found.present, plain.present)
        if plain.lengths is not None:
            np.testing.assert_array_equal(found.lengths, plain.lengths)
        np.testing.assert_array_equal(found.cut, plain.cut)
    assert plain.cut.any() == (kind is Audio)


def test_another_size_is_decoded_anew(disk):
    column = column_of(CELLS[Image])
    small, large = (Image(size=size).fit(column) for size in (8, 12))
    small.encode(column, disk)
    np.testing.assert_array_equal(large.encode(column, disk).values, large.encode(column).values)


def test_a_file_that_changes_is_decoded_anew(disk, tmp_path):
    column = column_of(["a.png"])
    column = Column("cell", column.values, column.rows, "t", tmp_path)
    (tmp_path / "a.png").write_bytes(picture(0))
    feature = Image().fit(column)
    before = feature.encode(column, disk).values
    (tmp_path / "a.png").write_bytes(picture(1))
    assert (feature.encode(column, disk).values != before).any()
    (tmp_path / "a.png").unlink()
    with pytest.raises(DataError, match="does not exist"):
        feature.encode(column, disk)


def test_a_broken_cell_is_broken_each_time(disk):
    good = column_of([picture(0)])
    feature = Image(on_error="absent").fit(good)
    for _ in range(2):
        encoded = feature.encode(column_of([picture(0), b"no picture"]), disk)
        assert encoded.present.tolist() == [True, False]
        assert len(encoded.broken) == 1


def test_what_is_decoded_as_fast_as_it_is_read_takes_no_room(tmp_path, monkeypatch):
    monkeypatch.setattr(_media_feature, "_SECONDS_AN_ENTRY", 60.0)
    column = column_of([picture(0)])
    Image().fit(column).encode(column, DiskCache(tmp_path, 1 << 30))
    assert not list(tmp_path.iterdir())
