"""Bytes of a sound to samples."""

import io
from dataclasses import dataclass

import numpy as np
import soundfile
import soxr

from plait.features._media import UnreadableError
from plait.features._wave import wave_samples

DECODERS = (
    f"soundfile {soundfile.__version__}, libsndfile {soundfile.__libsndfile_version__}, "
    f"soxr {soxr.__version__}"
)
"""What decodes; another version may give other samples."""

# What a RIFF header says where the writer could not know the length.
_OPEN_END = (0, 0xFFFFFFFF)
# The resampler looks a little ahead; what follows the kept seconds must not be a hard edge.
_MARGIN = 0.05
# What 16 bits are divided by, as libsndfile does.
_FULL = np.float32(1 << 15)


@dataclass(frozen=True)
class Sound:
    """A sound whose header has been read.

    Attributes:
        source: a file open at its first sample, or all samples, `(samples, channels)` int16.
        frames: how many samples each channel has.
        rate: samples a second.
        seconds: how long it is.
    """

    source: soundfile.SoundFile | np.ndarray
    frames: int
    rate: int

    @property
    def seconds(self) -> float:
        return self.frames / self.rate

    @classmethod
    def open(cls, data: bytes) -> "Sound":
        """Reads the header.

        Raises:
            UnreadableError: no sound of a known kind, one cut short, or one without samples.
        """
        if data[:4] == b"RIFF" and len(data) >= 8:
            declared = int.from_bytes(data[4:8], "little")
            if declared not in _OPEN_END and declared + 8 > len(data):
                raise UnreadableError(f"is cut short: {len(data)} of {declared + 8} bytes")
        wave = wave_samples(data)
        if wave is not None:
            rate, samples = wave
            return cls(samples, len(samples), rate)
        try:
            file = soundfile.SoundFile(io.BytesIO(data))
        except soundfile.LibsndfileError as error:
            raise UnreadableError(f"is no readable sound: {error.error_string}") from error
        if file.frames <= 0 or file.samplerate <= 0:
            raise UnreadableError("is a sound without samples")
        return cls(file, file.frames, file.samplerate)

    def samples(self, rate: int, seconds: float) -> np.ndarray:
        """The beginning of the sound, its channels averaged.

        Args:
            rate: samples a second of what is returned.
            seconds: how much is kept at most.

        Returns:
            `(samples,)` float32, 1 to rate * seconds of them.

        Raises:
            UnreadableError: samples that are cut short or not finite.
        """
        channels = self._read(min(self.frames, int((seconds + _MARGIN) * self.rate) + 1))
        mono = channels[:, 0] if channels.shape[1] == 1 else channels.mean(axis=1)
        if not np.isfinite(mono).all():
            raise UnreadableError("holds samples that are not finite")
        if self.rate != rate:
            mono = soxr.resample(mono, self.rate, rate)
        kept = mono[: max(1, int(rate * seconds))]
        return kept if len(kept) else np.zeros(1, "float32")

    def _read(self, wanted: int) -> np.ndarray:
        """The first samples, `(samples, channels)` float32."""
        if isinstance(self.source, np.ndarray):
            return self.source[:wanted] / _FULL
        try:
            channels = self.source.read(wanted, dtype="float32", always_2d=True)
        except soundfile.LibsndfileError as error:
            raise UnreadableError(f"is a corrupt sound: {error.error_string}") from error
        if len(channels) < wanted:
            raise UnreadableError(f"is cut short: {len(channels)} of {wanted} samples")
        return channels
