"""Ratios of times that hold on a machine which is never quite quiet."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np


class Ratio(NamedTuple):
    """A median of ratios, taken pair by pair, and its 95 % bootstrap interval."""

    median: float
    low: float
    high: float


def ratio(values: Sequence[float], base: Sequence[float], draws: int = 2000) -> Ratio:
    """Of `values` to `base`, measured in turn."""
    ratios = np.asarray(values) / np.asarray(base)
    draw = np.random.default_rng(0)
    medians = np.median(draw.choice(ratios, (draws, len(ratios))), axis=1)
    return Ratio(float(np.median(ratios)), *map(float, np.quantile(medians, [0.025, 0.975])))
