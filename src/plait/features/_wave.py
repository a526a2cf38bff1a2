"""WAV files of 16 bits, whose samples are taken where they lie.

libsndfile asks Python for the bytes piece by piece, and threads that decode wait for each other there.
"""

import struct

import numpy as np

_PCM = 1
_MOST_CHANNELS = 1024


def wave_samples(data: bytes) -> tuple[int, np.ndarray] | None:
    """The rate and the samples, `(samples, channels)` int16.

    Returns:
        None for any other kind of sound, and where something is amiss: libsndfile has the last word.
    """
    if data[:4] != b"RIFF" or data[8:12] != b"WAVE":
        return None
    place, form = 12, None
    while place + 8 <= len(data):
        kind, size = struct.unpack_from("<4sI", data, place)
        place += 8
        # At a chunk whose name is none, libsndfile stops or goes looking for the next.
        if place + size > len(data) or min(kind) < 0x20 or max(kind) > 0x7E:
            return None
        if kind == b"data":
            return None if form is None else _samples(data, place, size, form)
        if kind == b"fmt " and size >= 16:
            if form is not None:
                return None
            form = struct.unpack_from("<HHiIHH", data, place)
        place += size + size % 2
    return None


def _samples(
    data: bytes, place: int, size: int, form: tuple[int, ...]
) -> tuple[int, np.ndarray] | None:
    tag, channels, rate, _, step, bits = form
    plain = tag == _PCM and bits == 16 and 0 < channels <= _MOST_CHANNELS and step == 2 * channels
    if not plain or rate <= 0 or not size or size % step:
        return None
    return rate, np.frombuffer(data, "<i2", size // 2, place).reshape(-1, channels)
