"""Sounds: what is read, what is refused, and how it is said."""

import io
import os

import numpy as np
import pyarrow as pa
import pytest
import soundfile

from plait.errors import ConfigError, DataError
from plait.features import Audio
from plait.features._wave import wave_samples
from plait.table import Column

RATE = 8000


def tone(seconds=0.5, rate=RATE, pitch=440.0):
    return 0.5 * np.sin(2 * np.pi * pitch * np.arange(int(seconds * rate)) / rate)


def file_of(wave, rate=RATE, kind="WAV", **options):
    data = io.BytesIO()
    soundfile.write(data, wave, rate, format=kind, **options)
    return data.getvalue()


def column_of(cells, root=None):
    rows = np.arange(1, len(cells) + 1)
    return Column("clip", pa.chunked_array([pa.array(cells)]), rows, "train.csv", root)


def fitted(**arguments):
    return Audio(rate=RATE, seconds=0.5, **arguments).fit(column_of([file_of(tone())]))


def read(data):
    """The valid samples of one cell."""
    encoded = fitted().encode(column_of([data]))
    return encoded.values[0, : encoded.lengths[0]]


def test_rate_and_seconds_are_learnt():
    cells = [file_of(tone(0.31))] * 2 + [file_of(tone(0.2))]
    feature = Audio().fit(column_of(cells))
    assert (feature.state["rate"], feature.state["seconds"]) == (RATE, 0.4)
    assert feature.spec.shape == (3200,)
    assert feature.spec.lengths
    assert feature.spec.dtype == "float32"


def test_rates_above_16000_and_sounds_above_10_seconds_are_not_kept_whole():
    column = column_of([file_of(np.full(44_100 * 11, 0.1), 44_100)])
    feature = Audio().fit(column)
    assert feature.spec.shape == (160_000,)
    encoded = feature.encode(column)
    assert (encoded.lengths[0], encoded.cut.sum()) == (160_000, 1)


def test_a_sound_of_whole_tenths_needs_no_tenth_more():
    assert Audio().fit(column_of([file_of(tone(0.3))])).state["seconds"] == 0.3


@pytest.mark.parametrize(
    "arguments", [{"rate": 10}, {"rate": 10**6}, {"seconds": 0}, {"seconds": -1.0}]
)
def test_impossible_arguments_are_refused(arguments):
    (name,) = arguments
    with pytest.raises(ConfigError, match=f"Audio: {name} is"):
        Audio(**arguments)


@pytest.mark.parametrize("kind", ["WAV", "FLAC", "AIFF"])
def test_lossless_kinds_come_unchanged(kind):
    np.testing.assert_allclose(read(file_of(tone(), kind=kind)), tone(), atol=1e-4)


@pytest.mark.parametrize("kind", ["OGG", "MP3"])
def test_lossy_kinds_come_near(kind):
    heard = read(file_of(tone(), kind=kind))
    assert np.corrcoef(heard, tone()[: len(heard)])[0, 1] > 0.95


def with_notes(data):
    """A WAV file with a chunk of an odd size before its samples."""
    notes = b"note" + (7).to_bytes(4, "little") + b"abcdefg\0"
    size = (len(data) - 8 + len(notes)).to_bytes(4, "little")
    return data[:4] + size + data[8:36] + notes + data[36:]


STEREO = file_of(np.random.default_rng(0).normal(0, 0.2, (10, 2)))


@pytest.mark.parametrize("data", [STEREO, with_notes(STEREO), file_of(tone(0.01))])
def test_waves_of_16_bits_are_what_libsndfile_reads_or_left_to_it(data):
    assert wave_samples(data) is not None
    read = 0
    for place in range(50):
        for bit in range(8):
            other = bytearray(data)
            other[place] ^= 1 << bit
            found = wave_samples(bytes(other))
            if found is not None:
                samples, rate = soundfile.read(io.BytesIO(other), dtype="int16", always_2d=True)
                assert found[0] == rate
                np.testing.assert_array_equal(found[1], samples)
                read += 1
    assert read > 50
    np.testing.assert_array_equal(
        fitted().encode(column_of([data])).values[0, :10],
        soundfile.read(io.BytesIO(data), dtype="float32", always_2d=True)[0][:10].mean(axis=1),
    )


def test_channels_are_averaged():
    data = file_of(np.stack([tone(), 0 * tone()], 1), subtype="FLOAT")
    np.testing.assert_allclose(read(data), tone() / 2, atol=1e-6)


@pytest.mark.parametrize("rate", [4000, 11_025, 48_000])
def test_other_rates_are_brought_to_the_features_rate(rate):
    heard = read(file_of(tone(rate=rate), rate))
    assert abs(len(heard) - RATE // 2) <= 1
    middle = slice(400, 3600)
    np.testing.assert_allclose(heard[middle], tone()[middle], atol=2e-3)


def test_long_sounds_are_cut_and_counted_and_short_ones_padded():
    cells = [file_of(tone(0.8)), file_of(tone(0.1)), None, file_of(tone(0.5))]
    encoded = fitted().encode(column_of(cells))
    np.testing.assert_array_equal(encoded.lengths[[0, 1, 3]], [4000, 800, 4000])
    np.testing.assert_allclose(encoded.values[0], tone(0.8)[:4000], atol=1e-4)
    assert not encoded.values[1, 800:].any()
    assert encoded.cut.sum() == 1


def test_silence_is_a_sound():
    column = column_of([file_of(np.zeros(4000))])
    feature = Audio().fit(column)
    encoded = feature.encode(column)
    assert encoded.present.all()
    assert np.isfinite(np.asarray(feature.scaling()(encoded.values))).all()


def test_scaling_gives_training_sounds_a_root_mean_square_of_1():
    column = column_of([file_of(tone()), file_of(tone() / 3)])
    feature = Audio().fit(column)
    scaled = np.asarray(feature.scaling()(feature.encode(column).values))
    assert np.sqrt(np.mean(scaled**2)) == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("on_error", ["raise", "absent"])
def test_a_path_that_leaves_the_root_is_always_an_error(tmp_path, on_error):
    root = tmp_path / "root"
    root.mkdir()
    (tmp_path / "secret.wav").write_bytes(file_of(tone()))
    os.symlink(tmp_path / "secret.wav", root / "link.wav")
    for cell in ("../secret.wav", "link.wav", str(tmp_path / "secret.wav")):
        with pytest.raises(DataError, match=r"column 'clip', row 1 of train\.csv: .*lies outside"):
            fitted(on_error=on_error).encode(column_of([cell], root))


BROKEN = {
    "nothing": (b"", "has 0 bytes"),
    "text": (b"not a sound at all, whatever it is called", "no readable sound"),
    "a cut WAV": (file_of(tone())[:5000], "cut short: 5000 of 8044 bytes"),
    "a cut FLAC": (file_of(tone(), kind="FLAC")[:300], "corrupt|cut short|no readable"),
    "a cut header": (file_of(tone())[:20], "cut short"),
    "no samples": (file_of(np.zeros(0)), "without samples"),
    "not finite": (file_of(np.array([0.0, np.nan, 1.0]), subtype="FLOAT"), "not finite"),
}
every_broken = pytest.mark.parametrize(("data", "reason"), BROKEN.values(), ids=BROKEN)


@every_broken
def test_broken_sounds_are_errors_that_name_the_cell(data, reason, tmp_path):
    (tmp_path / "b.wav").write_bytes(data)
    place = r"column 'clip', row 2 of train\.csv: 'b\.wav' "
    with pytest.raises(DataError, match=rf'{place}.*({reason}).*Audio\(on_error="absent"\)'):
        fitted().encode(column_of([None, "b.wav"], tmp_path))


@every_broken
def test_broken_sounds_can_be_absent(data, reason):
    encoded = fitted(on_error="absent").encode(column_of([file_of(tone()), data, None]))
    np.testing.assert_array_equal(encoded.present, [True, False, False])
    assert not encoded.values[1:].any()
    (broken,) = encoded.broken
    assert (broken.row, broken.source, broken.column) == (2, "train.csv", "clip")
    assert broken.reason.startswith(f"the cell of {len(data)} bytes")


def test_training_sounds_that_are_all_broken_are_an_error():
    with pytest.raises(DataError, match=r"no sound of the training rows can be read\. Row 1: "):
        Audio(on_error="absent").fit(column_of([b"text", None]))
