"""Ratios of times that hold on a machine which is never quite quiet."""

import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

sys.path.append(str(Path(__file__).parents[1]))

from ratios import ratio

Run = Callable[[int], None]
"""Runs so many steps and waits for them."""


def seconds(run: Run, steps: int) -> float:
    """Of one of so many steps in a row."""
    started = time.perf_counter()
    run(steps)
    return (time.perf_counter() - started) / steps


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
