"""The matrices of a log-mel spectrogram."""

import numpy as np


def windowed_fourier(frame: int, points: int) -> np.ndarray:
    """Cosines and sines of a frame under a Hann window, scaled so that white noise of power 1 has
    power 1 in each bin.

    Args:
        frame: samples a frame.
        points: of the transform, at least `frame`; more interpolate between the frequencies.

    Returns:
        `(frame, 2 * (points // 2 + 1))` float32: first all cosines, then all sines.
    """
    window = np.sin(np.pi * (np.arange(frame) + 0.5) / frame) ** 2
    window /= np.sqrt(np.sum(window**2))
    phase = 2 * np.pi * np.outer(np.arange(frame), np.arange(points // 2 + 1)) / points
    return (window[:, None] * np.concatenate([np.cos(phase), np.sin(phase)], 1)).astype("float32")


def mel_filters(mels: int, points: int, rate: int) -> np.ndarray:
    """Triangles evenly spaced on the mel scale from 0 to rate / 2, each with weights of sum 1.

    Args:
        mels: how many.
        points: of the Fourier transform that they are for.
        rate: samples a second.

    Returns:
        `(points // 2 + 1, mels)` float32.
    """
    bins = np.linspace(0, rate / 2, points // 2 + 1)
    top = 2595 * np.log10(1 + rate / 2 / 700)
    edges = 700 * (10 ** (np.linspace(0, top, mels + 2) / 2595) - 1)
    low, middle, high = edges[:-2], edges[1:-1], edges[2:]
    rising = (bins[:, None] - low) / (middle - low)
    falling = (high - bins[:, None]) / (high - middle)
    filters = np.maximum(0, np.minimum(rising, falling))
    # A triangle narrower than the bins' distance takes the bin nearest to it.
    empty = np.flatnonzero(filters.sum(0) == 0)
    filters[np.abs(bins[:, None] - middle[empty]).argmin(0), empty] = 1.0
    return (filters / filters.sum(0)).astype("float32")
