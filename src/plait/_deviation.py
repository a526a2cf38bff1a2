"""By how much numbers deviate from their mean."""

import numpy as np

_ROUNDING = 1e-12
"""Of the mean: numbers that lie no farther from it are the same, up to rounding."""


def deviation(values: np.ndarray, mean: float, weights: np.ndarray | None = None) -> float:
    """Their standard deviation; 1 where they are all the same, and none is known.

    Without this the mean of many 0.1, which is a little off, would make a unit of 1e-17, and a later
    0.2 lie 1e16 of them away.

    Args:
        values: float64, at least one.
        mean: theirs.
        weights: of each; 1 if None.
    """
    farthest = float(np.abs(values - mean).max())
    if not farthest > _ROUNDING * abs(mean):
        return 1.0
    # Shares keep the squares of the largest numbers finite.
    return farthest * float(np.sqrt(np.average(((values - mean) / farthest) ** 2, weights=weights)))
