"""AudioConv beyond what every encoder promises."""

import keras
import numpy as np
import pytest
from keras import ops

from plait.encoders import AudioConv
from plait.encoders._spectrogram import mel_filters, windowed_fourier
from plait.errors import ConfigError
from plait.features import Audio

RATE = 8000


def noise(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def small(**arguments):
    return AudioConv(8, **{"rate": RATE, "mels": 16, "channels": (4, 6), **arguments})


def test_the_rate_comes_from_the_feature():
    feature = Audio().with_state({"rate": 11_025, "seconds": 1.0, "level": 0.1})
    empty = AudioConv(8, mels=32, dropout=0.3)
    filled = empty.for_feature(feature)
    assert empty.rate is None
    assert filled.get_config() == {**empty.get_config(), "rate": 11_025}
    assert filled.for_feature(Audio().with_state({"rate": 1})) is filled


def test_without_a_rate_it_says_how_to_give_one():
    with pytest.raises(ConfigError, match=r"AudioConv\(rate=\.\.\.\).*for_feature"):
        AudioConv(8)(noise(1, 800))


@pytest.mark.parametrize(("seconds", "steps"), [(0.001, 1), (0.08, 1), (0.081, 2), (1.0, 13)])
def test_a_token_stands_for_80_milliseconds(seconds, steps):
    lengths = np.array([int(seconds * RATE)], "int32")
    mask = ops.convert_to_numpy(small()(noise(1, RATE), lengths)["mask"])
    assert mask.sum() == steps
    assert mask.shape == (1, 13)


def test_a_sound_of_no_samples_keeps_one_token():
    given = small()(noise(2, 800), np.array([0, 800], "int32"))
    mask, tokens = (ops.convert_to_numpy(given[part]) for part in ("mask", "tokens"))
    np.testing.assert_array_equal(mask.sum(1), [1, 2])
    assert np.isfinite(tokens).all()


def test_a_tones_level_hardly_moves_its_tokens_apart_from_the_loudness():
    """Standardised for each row: ten times louder adds one constant to all of a row's tokens."""
    layer = small()
    wave = noise(1, RATE)
    quiet, loud = (ops.convert_to_numpy(layer(x)["tokens"])[0] for x in (wave, 10 * wave))
    difference = loud - quiet
    np.testing.assert_allclose(difference - difference.mean(0), 0, atol=2e-2)
    assert np.abs(difference.mean(0)).max() > 0.1


def test_silence_and_a_click_give_finite_tokens():
    click = np.zeros((2, 800), "float32")
    click[1, 400] = 1e4
    assert np.isfinite(ops.convert_to_numpy(small()(click)["tokens"])).all()


def test_white_noise_of_power_1_has_power_1_in_each_band():
    fourier, filters = windowed_fourier(240, 512), mel_filters(64, 512, RATE)
    spectrum = (noise(4000, 240) @ fourier) ** 2
    power = (spectrum[:, :257] + spectrum[:, 257:]) @ filters
    np.testing.assert_allclose(power.mean(0), 1, atol=0.12)


@pytest.mark.parametrize("pitch", [200, 440, 1000, 3000])
def test_a_tone_is_loudest_in_the_band_of_its_pitch(pitch):
    fourier, filters = windowed_fourier(240, 512), mel_filters(64, 512, RATE)
    spectrum = (np.sin(2 * np.pi * pitch * np.arange(240) / RATE) @ fourier) ** 2
    loudest = ((spectrum[:257] + spectrum[257:]) @ filters).argmax()
    mel = np.log1p(np.array([pitch, RATE / 2]) / 700)
    assert abs(loudest + 1 - 65 * mel[0] / mel[1]) <= 1


@pytest.mark.parametrize(("mels", "rate"), [(64, 4000), (128, 8000), (8, 16_000)])
def test_every_band_hears_something(mels, rate):
    filters = mel_filters(mels, 256, rate)
    assert filters.shape == (129, mels)
    assert (filters >= 0).all()
    np.testing.assert_allclose(filters.sum(0), 1, rtol=1e-5)


def test_stretches_of_time_and_pitch_are_hidden_in_training_alone():
    """Of 200 rows: what is hidden are stretches of the valid part, of up to the share asked for."""
    rows, frames, mels = 200, 40, 10
    ones = keras.ops.ones((rows, frames, mels))
    valid = keras.ops.convert_to_tensor(np.where(np.arange(rows) < 100, 40, 20).astype("int32"))
    encoder = AudioConv(8, rate=8000, time_mask=0.25, seed=3)
    seen = keras.ops.convert_to_numpy(encoder._masked(ones, valid))
    hidden = seen[..., 0] == 0
    assert (seen == seen[..., :1]).all()
    assert not hidden[100:, 20:].any()
    # Two stretches of a quarter at the most, an eighth in the mean, which may overlap.
    assert hidden[:100].sum(axis=1).max() <= 22
    assert 5 < hidden[:100].sum(axis=1).mean() < 11
    assert 2 < hidden[100:].sum(axis=1).mean() < 6
    assert len({row.tobytes() for row in hidden}) > 150
    pitch = AudioConv(8, rate=8000, pitch_mask=0.5)._masked(ones, valid)
    pitch = keras.ops.convert_to_numpy(pitch)
    assert (pitch == pitch[:, :1]).all()
    assert (pitch == 0).any()
    x = np.random.default_rng(0).normal(size=(2, 800)).astype("float32")
    given = AudioConv(8, rate=8000, dropout=0.0, time_mask=0.5, pitch_mask=0.5)
    plain, trained = (
        keras.ops.convert_to_numpy(given(x, training=t)["tokens"]) for t in (False, True)
    )
    again = keras.ops.convert_to_numpy(given(x, training=False)["tokens"])
    np.testing.assert_array_equal(plain, again)
    assert (plain != trained).any()
