"""Means over seeds with their intervals, differences in pairs, and who is at the front."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

_LEVEL = 0.95
_NO_SPREAD = 1e-9
_SAME_COST = 1.1


@dataclass(frozen=True)
class Interval:
    """A mean, and how far it may be off.

    Attributes:
        mean: of the values; NaN of none.
        half: half of the interval's width; infinite where the values tell of no spread.
        count: how many values.
    """

    mean: float
    half: float
    count: int

    @property
    def low(self) -> float:
        """The lower end."""
        return self.mean - self.half

    @property
    def high(self) -> float:
        """The upper end."""
        return self.mean + self.half

    @property
    def is_above_zero(self) -> bool:
        """Whether all of it is."""
        return self.low > 0

    @property
    def is_below_zero(self) -> bool:
        """Whether all of it is."""
        return self.high < 0


def interval(values: Sequence[float], others: int = 1) -> Interval:
    """Student's interval of a mean at 95 %.

    Args:
        values: one for each seed, taken as normal.
        others: how many such intervals a claim rests on: each is as much wider that all of them hold
            at once (C. Bonferroni, 1936).
    """
    count = len(values)
    if not count:
        return Interval(math.nan, math.inf, 0)
    mean = float(np.mean(values))
    if count == 1:
        return Interval(mean, math.inf, 1)
    deviation = float(np.std(values, ddof=1))
    if deviation <= _NO_SPREAD * abs(mean):
        # Scores that are few, such as shares of few rows: as much as nothing is known of the spread.
        return Interval(mean, math.inf if mean else 0.0, count)
    quantile = float(stats.t.ppf(1 - (1 - _LEVEL) / others / 2, count - 1))
    return Interval(mean, quantile * deviation / math.sqrt(count), count)


def difference(one: Mapping[int, float], other: Mapping[int, float], others: int = 1) -> Interval:
    """Of the first less the second, seed by seed; seeds that only one of them has do not count."""
    both = [seed for seed in one if seed in other]
    return interval([one[seed] - other[seed] for seed in both], others)


@dataclass(frozen=True)
class Spread:
    """How far a score lies from what its way and its seed say, over several ways with the same seeds.

    Attributes:
        variance: of that, the same for all ways.
        freedom: how many degrees it rests on.
    """

    variance: float
    freedom: int

    @classmethod
    def of(cls, scores: Sequence[Mapping[int, float]]) -> "Spread | None":
        """That of a two-way layout without interaction, each way a row and each seed a block.

        Args:
            scores: of each way by seed.

        Returns:
            None where fewer than three ways have two seeds in common: of two a pair tells as much.
        """
        seeds = set.intersection(*map(set, scores)) if scores else set()
        if len(scores) < 3 or len(seeds) < 2:
            return None
        table = np.array([[one[seed] for seed in sorted(seeds)] for one in scores])
        rest = table - table.mean(1, keepdims=True) - table.mean(0) + table.mean()
        freedom = (len(scores) - 1) * (len(seeds) - 1)
        return cls(float(np.sum(rest**2)) / freedom, freedom)


def compared(
    one: Mapping[int, float], other: Mapping[int, float], others: int, spread: Spread | None
) -> Interval:
    """Of the first less the second: by the pairs alone, or by the spread of all ways if that says more.

    By the pairs it is Student's interval, which rests on as many differences as there are seeds; by the
    spread it rests on those of all ways, and on the assumption that they scatter alike. Each is so wide
    that both hold at once.

    Args:
        one: scores by seed.
        other: likewise.
        others: see `interval`.
        spread: of all ways; None for the pairs alone.
    """
    if spread is None:
        return difference(one, other, others)
    alone = difference(one, other, 2 * others)
    if alone.count < 2 or spread.variance <= 0:
        return alone
    quantile = float(stats.t.ppf(1 - (1 - _LEVEL) / others / 4, spread.freedom))
    half = quantile * math.sqrt(2 * spread.variance / alone.count)
    return Interval(alone.mean, min(half, alone.half), alone.count)


def front(points: Mapping[str, tuple[float, float]]) -> set[str]:
    """Those that none is better than: no other has a higher quality at as low a cost, or as high a
    quality at a lower cost. Costs that differ by less than a tenth are the same: clocks are no finer.

    Args:
        points: `(quality, cost)` by name.
    """
    return {
        name
        for name, (quality, cost) in points.items()
        if not math.isnan(quality)
        and not any(
            (q > quality and c <= _SAME_COST * cost) or (q >= quality and _SAME_COST * c < cost)
            for q, c in points.values()
        )
    }
