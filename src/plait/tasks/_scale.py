"""From a number on the user's scale to a standardised one, and back."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from statistics import NormalDist
from typing import Any, Literal, Self

import numpy as np

Transform = Literal["log", "quantile"]

_MOST_KNOTS = 1000
# exp of more overflows float64.
_LARGEST_EXPONENT = 700.0


@dataclass(frozen=True)
class Scale:
    """(t(x) - mean) / std, with t the identity, log(1 + x), or the map of the training quantiles
    to those of a normal distribution.

    The quantile map is piecewise linear between knots; beyond the outermost ones it stays at their
    values, so no answer leaves the range of the training labels.

    Attributes:
        transform: t; None for the identity.
        mean: of t over the training labels.
        std: likewise.
        knots: for "quantile", values in rising order, else empty.
        scores: for "quantile", t of the knots, in rising order, else empty.
    """

    transform: Transform | None
    mean: float
    std: float
    knots: tuple[float, ...] = ()
    scores: tuple[float, ...] = ()

    @classmethod
    def fit(cls, values: np.ndarray, weights: np.ndarray, transform: Transform | None) -> Self:
        """Learns from finite float64 values, not all the same, and weights above 0."""
        knots: tuple[tuple[float, ...], tuple[float, ...]] = ((), ())
        if transform == "quantile":
            knots = normal_quantiles(values, weights)
        raw = cls(transform, 0.0, 1.0, *knots)
        transformed = raw.forward(values)
        mean = float(np.average(transformed, weights=weights))
        with np.errstate(over="ignore", invalid="ignore"):
            std = float(np.sqrt(np.average((transformed - mean) ** 2, weights=weights)))
        return cls(transform, mean, std, *knots)

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Self:
        """The scale whose `state()` this is."""
        return cls(**state)

    def state(self) -> dict[str, Any]:
        """Plain JSON data."""
        return {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(self).items()}

    def forward(self, values: np.ndarray) -> np.ndarray:
        """From the user's scale; float64 to float64."""
        if self.transform == "log":
            values = np.log1p(values)
        elif self.transform == "quantile":
            values = np.interp(values, self.knots, self.scores)
        return (values - self.mean) / self.std

    def inverse(self, scaled: np.ndarray) -> np.ndarray:
        """Back to the user's scale; rising in `scaled`."""
        values = np.asarray(scaled, "float64") * self.std + self.mean
        if self.transform == "log":
            return np.expm1(np.clip(values, 0.0, _LARGEST_EXPONENT))
        if self.transform == "quantile":
            return np.interp(values, self.scores, self.knots)
        return values


def normal_quantiles(
    values: np.ndarray, weights: np.ndarray
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Knots of the map from values to normal scores, both strictly rising.

    A value's rank is the middle of its share of the weight, so that equal values have one score and
    the outermost scores are finite. At most 1000 knots are kept, evenly spaced in the score.
    """
    knots, which = np.unique(values, return_inverse=True)
    totals = np.bincount(which.reshape(-1), weights)
    ranks = (np.cumsum(totals) - totals / 2) / totals.sum()
    normal = NormalDist()
    if len(knots) > _MOST_KNOTS:
        ends = normal.inv_cdf(ranks[0]), normal.inv_cdf(ranks[-1])
        wanted = [normal.cdf(score) for score in np.linspace(*ends, _MOST_KNOTS)]
        nearest = np.searchsorted(ranks, wanted).clip(0, len(knots) - 1)
        kept = np.unique(np.concatenate([[0], nearest, [len(knots) - 1]]))[-_MOST_KNOTS:]
        knots, ranks = knots[kept], ranks[kept]
    return tuple(knots.tolist()), tuple(normal.inv_cdf(rank) for rank in ranks.tolist())
