"""Numbers brought to a mean of 0 and a deviation of 1, on the host, in float64."""

import numpy as np

from plait._deviation import deviation

FARTHEST = 10.0
"""Standardised values are cut here: one typing error must not swamp a row."""

_ROUNDS = 100


def standardised(
    values: np.ndarray, mean: np.ndarray | float, std: np.ndarray | float
) -> np.ndarray:
    """The values in deviations from the mean, cut at `FARTHEST` on either side."""
    with np.errstate(over="ignore"):
        found: np.ndarray = np.clip((values - mean) / std, -FARTHEST, FARTHEST)
    return found


def moments(values: np.ndarray) -> tuple[float, float]:
    """Mean and `deviation` of the values after those far off have been cut to `FARTHEST`."""
    for _ in range(_ROUNDS):
        # Halves keep the sum of the largest numbers finite.
        mean = 2 * float(np.mean(values / 2))
        std = deviation(values, mean)
        if float(np.abs(values - mean).max()) <= FARTHEST * std:
            break
        values = np.clip(values, mean - FARTHEST * std, mean + FARTHEST * std)
    return mean, std
