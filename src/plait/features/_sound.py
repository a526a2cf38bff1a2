"""Bytes of a sound to samples."""

import io
from dataclasses import dataclass

import numpy as np
import soundfile
import soxr

from plait.features._media import UnreadableError

DECODERS = (
    f"soundfile {soundfile.__version__}, libsndfile {soundfile.__libsndfile_version__}, "
    f"soxr {soxr.__version__}"
)
"""What decodes; another version may give other samples."""

# What a RIFF header says where the writer could not know the length.
_OPEN_END = (0, 0xFFFFFFFF)
# The resampler looks a little ahead; what follows the kept seconds must not be a hard edge.
_MARGIN = 0.05


@dataclass(frozen=True)
class Sound:
    """A sound whose header has been read.

    Attributes:
        file: open at its first sample.
        rate: samples a second.
        seconds: how long it is.
    """

    file: soundfile.SoundFile
    rate: int
    seconds: float

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
        try:
            file = soundfile.SoundFile(io.BytesIO(data))
        except soundfile.LibsndfileError as error:
            raise UnreadableError(f"is no readable sound: {error.error_string}") from error
        if file.frames <= 0 or file.samplerate <= 0:
            raise UnreadableError("is a sound without samples")
        return cls(file, file.samplerate, file.frames / file.samplerate)

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
        wanted = min(self.file.frames, int((seconds + _MARGIN) * self.rate) + 1)
        try:
            channels = self.file.read(wanted, dtype="float32", always_2d=True)
        except soundfile.LibsndfileError as error:
            raise UnreadableError(f"is a corrupt sound: {error.error_string}") from error
        if len(channels) < wanted:
            raise UnreadableError(f"is cut short: {len(channels)} of {wanted} samples")
        mono = channels[:, 0] if channels.shape[1] == 1 else channels.mean(axis=1)
        if not np.isfinite(mono).all():
            raise UnreadableError("holds samples that are not finite")
        if self.rate != rate:
            mono = soxr.resample(mono, self.rate, rate)
        kept = mono[: max(1, int(rate * seconds))]
        return kept if len(kept) else np.zeros(1, "float32")
