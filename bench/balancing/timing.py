"""Ratios of times that hold on a machine which is never quite quiet."""

import time
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

Run = Callable[[int], None]
"""Runs so many steps and waits for them."""


class Ratio(NamedTuple):
    """A median of ratios, taken pair by pair, and its 95 % bootstrap interval."""

    median: float
    low: float
    high: float


def seconds(run: Run, steps: int) -> float:
    """Of one of so many steps in a row."""
    started = time.perf_counter()
    run(steps)
    return (time.perf_counter() - started) / steps


def ratio(values: np.ndarray, base: np.ndarray, draws: int = 2000) -> Ratio:
    """Of `values` to `base`, measured in turn."""
    ratios = values / base
    draw = np.random.default_rng(0)
    medians = np.median(draw.choice(ratios, (draws, len(ratios))), axis=1)
    return Ratio(float(np.median(ratios)), *map(float, np.quantile(medians, [0.025, 0.975])))


def beside_plain(times: np.ndarray) -> dict[str, float]:
    """What the tables say of `(pairs, 2)` seconds: a plain step and another, in turn."""
    found = ratio(times[:, 1], times[:, 0])
    return {
        "plain_ms": round(1e3 * float(np.median(times[:, 0])), 3),
        "ratio": round(found.median, 4),
        "low": round(found.low, 4),
        "high": round(found.high, 4),
        "pairs": len(times),
    }
