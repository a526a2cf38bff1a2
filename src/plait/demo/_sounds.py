"""The sound of each record: one of four bells."""

import numpy as np

RATE = 8000
SECONDS = 0.25
_PITCHES = {"low": (400, 400), "high": (1600, 1600), "rising": (500, 1400), "falling": (1400, 500)}


def ring_bell(bell: str, rng: np.random.Generator) -> np.ndarray:
    """A quarter of a second at 8 kHz, `(2000,)` float32 in [-1, 1]."""
    first, last = np.array(_PITCHES[bell]) * rng.uniform(0.9, 1.1)
    samples = round(RATE * SECONDS)
    pitch = np.linspace(first, last, samples)
    phase = 2 * np.pi * np.cumsum(pitch) / RATE + rng.uniform(0, 2 * np.pi)
    fading = np.exp(-np.linspace(0, rng.uniform(0.5, 2), samples))
    wave = 0.6 * fading * np.sin(phase) + rng.normal(0, 0.05, samples)
    return np.clip(wave, -1, 1).astype(np.float32)
