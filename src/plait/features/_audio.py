"""A sound."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

import keras
import numpy as np

from plait.encoders import AudioConv, Encoder
from plait.errors import ConfigError
from plait.features._feature import ArraySpec
from plait.features._media import MediaCells
from plait.features._media_feature import MediaFeature, Medium
from plait.features._sound import DECODERS, Sound
from plait.table import Column

_HIGHEST_RATE = 16_000
_LONGEST = 10.0
_SHORTEST = 0.1


@dataclass(frozen=True, kw_only=True)
class Audio(MediaFeature):
    """A sound: a path relative to the table's folder, or the bytes of a file.

    WAV, FLAC, Ogg, MP3 and what else libsndfile knows are read; channels are averaged, the rate is
    brought to `rate`, and what lies beyond `seconds` is cut off. The model scales the samples by
    the training sounds' root mean square, and makes its own spectrogram.

    Args:
        rate: samples a second; if None, the training sounds' median, at most 16,000.
        seconds: how much of a sound is heard; if None, the training sounds' 99th percentile rounded
            up to a tenth, at most 10.
        column, missing, encoder, tied, on_error: see `Feature`. Broken are: a file that does not
            exist, is cut short or is no sound, and a sound without samples or with samples that are
            not finite. Silence is a sound. A path that leaves the folder is an error whatever
            `on_error` says.

    Example:
        Audio(rate=8000, seconds=2.5)
    """

    modality: ClassVar[str] = "audio"
    noun: ClassVar[str] = "sound"
    mixes: ClassVar[bool] = True

    rate: int | None = None
    seconds: float | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.rate is not None and not 1000 <= self.rate <= 192_000:
            raise ConfigError(f"Audio: rate is from 1000 to 192000. Received: {self.rate!r}.")
        if self.seconds is not None and not 0 < self.seconds <= 3600:
            raise ConfigError(
                f"Audio: seconds is above 0 and at most 3600. Received: {self.seconds!r}."
            )

    def fit(self, column: Column) -> Self:
        cells = MediaCells(self, column, self.noun)
        heard = np.array(cells.sample(_rate_and_seconds))
        rate = self.rate or min(_HIGHEST_RATE, int(np.median(heard[:, 0])))
        seconds = self.seconds
        if seconds is None:
            longest = float(np.quantile(heard[:, 1], 0.99))
            # The tenth that floating point puts a hair above a whole tenth is none.
            tenths = math.ceil(10 * longest - 1e-6)
            seconds = min(max(tenths / 10, _SHORTEST), _LONGEST)
        powers = cells.sample(lambda d: float(np.mean(Sound.open(d).samples(rate, seconds) ** 2)))
        level = math.sqrt(sum(powers) / len(powers))
        state = {"rate": rate, "seconds": seconds, "level": level if level > 0 else 1.0}
        return replace(self, state=state)

    @property
    def spec(self) -> ArraySpec:
        samples = max(1, int(self.learnt["rate"] * self.learnt["seconds"]))
        return ArraySpec((samples,), "float32", lengths=True)

    @property
    def for_encoder(self) -> Mapping[str, Any]:
        """`rate`: samples a second."""
        return {"rate": self.learnt["rate"]}

    @property
    def decoding(self) -> Mapping[str, Any]:
        return {"rate": self.learnt["rate"], "seconds": self.learnt["seconds"], "by": DECODERS}

    def decode(self, data: bytes, row: np.ndarray) -> Medium:
        sound, seconds = Sound.open(data), self.learnt["seconds"]
        samples = sound.samples(self.learnt["rate"], seconds)
        row[: len(samples)] = samples
        return Medium(len(samples), sound.seconds > seconds)

    def scaling(self) -> keras.layers.Layer | None:
        # Sounds span more than bfloat16 keeps apart, so they stay float32 in mixed precision.
        return keras.layers.Rescaling(1 / self.learnt["level"], dtype="float32")

    def default_encoder(self, width: int) -> Encoder:
        return AudioConv(width)


def _rate_and_seconds(data: bytes) -> tuple[float, float]:
    sound = Sound.open(data)
    return float(sound.rate), sound.seconds
