"""AudioConv beyond what every encoder promises."""

import functools

import keras
import numpy as np
import pytest
from keras import ops
from tests.programs import built, called, program

from plait._keyed import keyed
from plait.encoders import AudioConv
from plait.encoders._spec_augment import augmented
from plait.encoders._spectrogram import mel_filters, windowed_fourier
from plait.errors import ConfigError
from plait.features import Audio
from plait.model import MultiTaskModel

RATE = 8000


def noise(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def small(**arguments):
    return AudioConv(8, **{"rate": RATE, "mels": 16, "channels": (4, 6), **arguments})


def heard_by(encoder, *given, **told):
    """What it answers, as arrays."""
    encoder = encoder if encoder.built else built(encoder, *given)
    return keras.tree.map_structure(ops.convert_to_numpy, called(encoder, *given, **told))


@pytest.fixture(scope="module")
def encoder():
    return small()


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
def test_a_token_stands_for_80_milliseconds(seconds, steps, encoder):
    lengths = np.array([int(seconds * RATE)], "int32")
    mask = heard_by(encoder, noise(1, RATE), lengths)["mask"]
    assert mask.sum() == steps
    assert mask.shape == (1, 13)


def test_a_sound_of_no_samples_keeps_one_token():
    given = heard_by(small(), noise(2, 800), np.array([0, 800], "int32"))
    np.testing.assert_array_equal(given["mask"].sum(1), [1, 2])
    assert np.isfinite(given["tokens"]).all()


def test_a_tones_level_hardly_moves_its_tokens_apart_from_the_loudness(encoder):
    """Standardised for each row: ten times louder adds one constant to all of a row's tokens."""
    wave = noise(1, RATE)
    quiet, loud = (heard_by(encoder, x)["tokens"][0] for x in (wave, 10 * wave))
    difference = loud - quiet
    np.testing.assert_allclose(difference - difference.mean(0), 0, atol=2e-2)
    assert np.abs(difference.mean(0)).max() > 0.1


def test_a_microphone_hardly_moves_what_is_centred_in_bands_apart_from_the_loudness():
    """A filter adds to each band of the logarithm what is nearly the same in all frames."""
    wave = noise(1, RATE)
    dull = (wave + 0.9 * np.roll(wave, 1, axis=1)).astype("float32")
    moved = {}
    for centre in ("bands", "sound"):
        layer = small(centre=centre)
        keras.utils.set_random_seed(0)
        plain, filtered = (heard_by(layer, x)["tokens"][0] for x in (wave, dull))
        difference = filtered - plain
        moved[centre] = (
            np.abs(difference - difference.mean(axis=0)).mean() / plain.std(axis=0).mean()
        )
    assert moved["bands"] < 0.15
    assert moved["sound"] > 2 * moved["bands"]


def test_silence_and_a_click_give_finite_tokens():
    click = np.zeros((2, 800), "float32")
    click[1, 400] = 1e4
    assert np.isfinite(heard_by(small(), click)["tokens"]).all()


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


def seeing(encoder):
    """From spectrograms, how much of each is valid, and the rows' keys, to what training sees."""
    shares = encoder.time_warp, encoder.time_mask, encoder.pitch_mask

    @program
    def seen(x, valid, keys):
        with keras.StatelessScope(), keyed(keys):
            return augmented(x, valid, encoder._drawn, *shares)

    return lambda x, valid, keys=None: ops.convert_to_numpy(seen(x, valid, keys))


def warped(sizes, drawn):
    """A ramp of 40 frames and one band, of which some are valid, with a warp by hand."""
    ramp = np.tile(np.arange(40, dtype="float32")[None, :, None] + 0.5, (len(sizes), 1, 1))
    given = ramp, np.array(sizes, "int32"), np.array(drawn, "float32")

    @program
    def found(x, valid, numbers):
        return augmented(x, valid, lambda *_: numbers, 0.25, 0.0, 0.0)

    return ops.convert_to_numpy(found(*map(ops.convert_to_tensor, given)))[..., 0]


@pytest.mark.backends
def test_a_point_of_time_moves_and_the_ends_stay():
    ramp = np.arange(40) + 0.5
    late, early, nowhere, short = warped([40, 40, 40, 20], [[0, 1], [1, 0], [0.3, 0.5], [0.5, 1.0]])
    # What was at 10 is at 20: twice as slow before it, and half as fast again behind it.
    np.testing.assert_allclose(late[1:19], (ramp / 2)[1:19], atol=1e-4)
    np.testing.assert_allclose(late[20:39], (40 - (40 - ramp) * 1.5)[20:39], atol=1e-4)
    # What was at 30 is at 20.
    np.testing.assert_allclose(early[1:20], (ramp * 1.5)[1:20], atol=1e-4)
    np.testing.assert_allclose(early[21:39], (40 - (40 - ramp) / 2)[21:39], atol=1e-4)
    np.testing.assert_allclose(nowhere, ramp, atol=1e-4)
    # Of 20 frames the one at 10 is at 15, and what lies beyond them is as it was.
    np.testing.assert_allclose(short[1:15], (ramp / 1.5)[1:15], atol=1e-4)
    np.testing.assert_array_equal(short[20:], ramp[20:])


def test_each_row_is_warped_by_its_key_and_in_training_alone():
    sound = np.tile(noise(1, RATE), (8, 1))
    encoder = built(small(time_warp=0.3, dropout=0.0), sound)

    def heard(training):
        @program
        def tokens(keys):
            with keras.StatelessScope(), keyed(keys):
                return encoder(sound, training=training)["tokens"]

        return tokens

    in_training, outside = heard(True), heard(False)

    def tokens(keys, training=True):
        keys = ops.convert_to_tensor(np.stack([keys, keys], axis=1).astype("int32"))
        return ops.convert_to_numpy((in_training if training else outside)(keys))

    order = np.arange(8)[::-1]
    found = tokens(np.arange(8))
    np.testing.assert_allclose(found[order], tokens(order), atol=1e-5)
    assert len({row.tobytes() for row in found}) == 8
    assert len({row.tobytes() for row in tokens(np.arange(8), training=False)}) == 1


@pytest.mark.parametrize("share", [-0.1, 0.5])
def test_a_warp_is_less_than_half(share):
    with pytest.raises(ConfigError, match=r"time_warp is in \[0, 0\.5\)"):
        AudioConv(8, time_warp=share)


def test_stretches_of_time_and_pitch_are_hidden_in_training_alone():
    """Of 200 rows: what is hidden are stretches of the valid part, of up to the share asked for."""
    rows, frames, mels = 200, 40, 10
    ones = keras.ops.ones((rows, frames, mels))
    valid = keras.ops.convert_to_tensor(np.where(np.arange(rows) < 100, 40, 20).astype("int32"))
    encoder = AudioConv(8, rate=8000, time_mask=0.25, seed=3)
    seen = seeing(encoder)(ones, valid)
    hidden = seen[..., 0] == 0
    assert (seen == seen[..., :1]).all()
    assert not hidden[100:, 20:].any()
    # Two stretches of a quarter at the most, an eighth in the mean, which may overlap.
    assert hidden[:100].sum(axis=1).max() <= 22
    assert 5 < hidden[:100].sum(axis=1).mean() < 11
    assert 2 < hidden[100:].sum(axis=1).mean() < 6
    assert len({row.tobytes() for row in hidden}) > 150
    pitch = seeing(AudioConv(8, rate=8000, pitch_mask=0.5))(ones, valid)
    assert (pitch == pitch[:, :1]).all()
    assert (pitch == 0).any()
    x = np.random.default_rng(0).normal(size=(2, 800)).astype("float32")
    given = AudioConv(8, rate=8000, dropout=0.0, time_mask=0.5, pitch_mask=0.5)
    plain, trained, again = (heard_by(given, x, training=t)["tokens"] for t in (False, True, False))
    np.testing.assert_array_equal(plain, again)
    assert (plain != trained).any()


@functools.cache
def masking(**arguments):
    given = {"name": "call__encoder", "time_mask": 0.5, "pitch_mask": 0.5, **arguments}
    return seeing(AudioConv(8, rate=RATE, **given))


def hidden(row_keys, **arguments):
    """Where a spectrogram of ones is masked: `(rows, frames, mels)` bool."""
    rows = len(row_keys)
    ones, valid = np.ones((rows, 40, 16), "float32"), np.full(rows, 40, "int32")
    given = map(ops.convert_to_tensor, (ones, valid, row_keys))
    return masking(**arguments)(*given) == 0


def test_masks_are_a_function_of_the_rows_key():
    rows = np.arange(64, dtype="int32").reshape(32, 2)
    order = np.random.default_rng(1).permutation(32)
    found = hidden(rows)
    assert len({row.tobytes() for row in found}) == 32
    np.testing.assert_array_equal(found[order], hidden(rows[order]))
    np.testing.assert_array_equal(found[:5], hidden(rows[:5]))
    for other in (hidden(rows + 1), hidden(rows, seed=1), hidden(rows, name="bell__encoder")):
        assert (other != found).any(axis=(1, 2)).mean() > 0.9
    # Of the two masks along an axis none lies where the other does.
    assert hidden(rows, pitch_mask=0.0).any(axis=2).sum(axis=1).max() > 20


def heard():
    """A model of sounds whose loss tells how they were masked, and which learns nothing."""
    keras.utils.set_random_seed(0)
    x = {"call": keras.Input((RATE // 4,), name="call")}
    encoder = small(time_mask=0.5, pitch_mask=0.5, dropout=0.0, name="call__encoder")
    z = keras.layers.GlobalAveragePooling1D()(encoder(x["call"])["tokens"])
    wide = keras.initializers.RandomNormal(stddev=1.0)
    kind = keras.layers.Dense(16, kernel_initializer=wide, name="kind")
    model = MultiTaskModel(x, {"kind": kind(z)})
    model.compile(keras.optimizers.SGD(0.0), loss="mse")
    return model


@pytest.mark.backends
def test_in_a_step_masks_are_the_rows_own_whatever_the_batch_and_the_step():
    model, rows = heard(), 8
    generator = model.layers[1]._draws
    given = {"call": noise(rows, RATE // 4), "row_key": np.arange(16, dtype="int32").reshape(8, 2)}

    def loss(chosen, size=rows, keys=None):
        x = {name: values[chosen] for name, values in given.items()}
        x |= {} if keys is None else {"row_key": keys}
        y = np.zeros((rows, 16), "float32")
        return model.fit(x, y, batch_size=size, shuffle=False, verbose=0).history["loss"][0]

    everything = np.arange(rows)
    whole = loss(everything)
    assert loss(everything) == pytest.approx(whole, rel=1e-5)
    assert loss(everything[::-1]) == pytest.approx(whole, rel=1e-5)
    assert loss(everything, size=4) == pytest.approx(whole, rel=1e-5)
    assert abs(loss(everything, keys=given["row_key"] + 1) - whole) > 1e-4 * whole
    assert ops.convert_to_numpy(generator.state).tolist() == [0, 0]
    # Without keys, as in a model that Keras trains, the generator goes on.
    del given["row_key"]
    assert abs(loss(everything) - loss(everything)) > 1e-4 * whole


def test_what_cannot_be_centred_is_refused():
    with pytest.raises(ConfigError, match=r"centre is 'sound' or 'bands'\. Received: 'band'"):
        AudioConv(centre="band")
