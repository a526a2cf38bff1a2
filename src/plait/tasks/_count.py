"""How many."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self, get_args

import keras
import numpy as np
import pyarrow as pa
from keras import ops

from plait._ranges import demand_share
from plait.errors import ConfigError, DataError
from plait.heads import CountHead, Head
from plait.table import Column
from plait.tasks import _distributions as distributions
from plait.tasks import _metrics as metrics
from plait.tasks._count_loss import (
    CountDistribution,
    CountSurprise,
    mean_and_dispersion,
    surprise,
)
from plait.tasks._labels import Labelled, demand_labels, labelled_rows, where
from plait.tasks._numbers import demand_two, numbers
from plait.tasks._said import Gives
from plait.tasks._scores import checked, clipped_gain
from plait.tasks._task import Targets, Task

_LEAST_DISPERSION = 1e-3


@dataclass(frozen=True, kw_only=True)
class Count(Task):
    """A whole number from 0 up, such as how many there are of something.

    The logarithm of the mean is a linear function of the task's tokens, so that answers are above 0
    and influences multiply. Beyond e times the largest training count it is the mean itself that goes
    on along a line.

    Args:
        distribution: "poisson" has as much variance as mean; "negative_binomial" has mean + a · mean²,
            where each row's a is learnt as well, and so bears with counts of which a few are large.
        interval: the probability that `"low"` and `"high"` enclose, half of the rest on either side.
        column, features, after, weight, auxiliary, fade, missing: see `Task`.

    `decode` gives `""`, the mean, float64; `"median"`, `"low"` and `"high"`, whole numbers, the
    quantiles of the row's distribution.

    `scores` gives mae, rmse and the Poisson deviance of the mean; median_mae, the mean absolute error
    of the median; and coverage, the share of labels from `"low"` to `"high"`.

    Raises:
        ConfigError: an argument that cannot be.

    Example:
        Count(distribution="poisson")

    References:
        A. C. Cameron, P. K. Trivedi, "Econometric Models Based on Count Data", 1986: their NB2, with
        the dispersion a function of the row like the mean.
    """

    main_score: ClassVar[str] = "deviance"
    gives: ClassVar[Gives | None] = "log mean"
    answer_parts: ClassVar[tuple[str, ...]] = ("median", "low", "high")
    quantity: ClassVar[bool] = True

    distribution: CountDistribution = "negative_binomial"
    interval: float = 0.8

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.distribution not in get_args(CountDistribution):
            choices = " or ".join(map(repr, get_args(CountDistribution)))
            raise ConfigError(f"Count: distribution is {choices}. Received: {self.distribution!r}")
        demand_share("Count", interval=self.interval)

    def fit(self, column: Column, weights: np.ndarray | None = None) -> Self:
        labelled = self._labelled(column, weights)
        demand_labels(labelled)
        counts, w = self._counts(labelled), labelled.weights
        demand_two(labelled, counts, type(self).__name__)
        mean = float(np.average(counts, weights=w))
        variance = float(np.average((counts - mean) ** 2, weights=w))
        beyond = variance - mean
        prior = [float(np.log(mean))]
        if self.distribution == "negative_binomial":
            prior.append(float(np.log(max(beyond / mean**2, _LEAST_DISPERSION))))
        alone = np.tile(prior, (len(counts), 1))
        return self.with_state(
            {
                "prior": prior,
                "top": float(np.log(counts.max())) + 1,
                "std": variance**0.5,
                "trivial_loss": float(np.average(surprise(counts, alone, np), weights=w)),
                "trivial_deviance": _deviance(counts, np.full(len(counts), mean), w),
            }
        )

    def targets(self, column: Column) -> Targets:
        self.learnt  # noqa: B018 - counts are as they are, and a task that is not fitted says so
        labelled = self._labelled(column)
        values = np.zeros(len(column), "float32")
        values[labelled.rows] = self._counts(labelled)
        return Targets(values, labelled.flags)

    def head(self) -> Head:
        prior = self.learnt["prior"]
        return CountHead(len(prior), self.learnt.get("top", float("inf")), prior=tuple(prior))

    def loss(self) -> keras.losses.Loss:
        return CountSurprise(self.learnt["trivial_loss"])

    def decode(self, logits: np.ndarray) -> dict[str, pa.Array]:
        logits = np.asarray(logits, "float64")
        mean, _ = mean_and_dispersion(logits, np)
        rest = (1 - self.interval) / 2
        found = {
            name: _quantile(share, logits)
            for name, share in (("median", 0.5), ("low", rest), ("high", 1 - rest))
        }
        return {"": pa.array(mean), **{name: pa.array(counts) for name, counts in found.items()}}

    def scores(
        self, logits: np.ndarray, column: Column, weights: np.ndarray | None = None
    ) -> dict[str, float]:
        labelled = self._labelled(column, weights)
        if not len(labelled.rows):
            return {}
        truth, w = self._counts(labelled), labelled.weights
        answers = {
            name: values.to_numpy()
            for name, values in self.decode(checked(logits[labelled.rows])).items()
        }
        within = (answers["low"] <= truth) & (truth <= answers["high"])
        found = {
            "mae": metrics.mean_absolute_error(truth, answers[""], sample_weight=w),
            "rmse": metrics.root_mean_squared_error(truth, answers[""], sample_weight=w),
            "deviance": _deviance(truth, answers[""], w),
            "median_mae": metrics.mean_absolute_error(truth, answers["median"], sample_weight=w),
            "coverage": np.average(within, weights=w),
        }
        return {name: float(value) for name, value in found.items()}

    def amount(self, logits: Any, label: str | None = None) -> Any:
        return mean_and_dispersion(ops.cast(logits, "float32"))[0]

    def spread(self, label: str | None = None) -> float | None:
        std: float = self.learnt["std"]
        return std

    def gain(self, scores: Mapping[str, float]) -> float:
        return clipped_gain(scores["deviance"], self.learnt["trivial_deviance"], perfect=0.0)

    def _labelled(self, column: Column, weights: np.ndarray | None = None) -> Labelled:
        """The rows that are learnt from and scored."""
        return labelled_rows(column, self.missing, weights)

    def _counts(self, labelled: Labelled) -> np.ndarray:
        """The cells as whole float64 from 0 up.

        Raises:
            DataError: a cell that is none.
        """
        found = numbers(labelled, type(self).__name__)
        for wrong, way_out in (
            (
                found < 0,
                "Leave the cell empty if its count is unknown; for numbers below 0, declare",
            ),
            (found != np.floor(found), "For numbers that are not whole, declare"),
        ):
            if wrong.any():
                row = int(np.flatnonzero(wrong)[0])
                raise DataError(
                    f"{where(labelled, row)}: {type(self).__name__} expects whole numbers from 0 up. "
                    f"Received: {found[row]:g}. {way_out} Regression()."
                )
        return found


def _quantile(share: float, logits: np.ndarray) -> np.ndarray:
    """The least count with that share of each row's probability at or below it, int64."""
    mean, dispersion = mean_and_dispersion(logits, np)
    if logits.shape[1] == 1:
        found = distributions.poisson.ppf(share, mean)
    else:
        found = distributions.nbinom.ppf(share, 1 / dispersion, 1 / (1 + mean * dispersion))
    # SciPy answers -1 for a share of 0.
    return np.maximum(found, 0).astype("int64")


def _deviance(counts: np.ndarray, means: np.ndarray, weights: np.ndarray) -> float:
    """Twice the mean of y log(y / m) - y + m."""
    logits = np.log(means)[:, None]
    return float(2 * np.average(surprise(counts, logits, np), weights=weights))
