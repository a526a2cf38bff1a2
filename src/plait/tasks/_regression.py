"""A number."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self, get_args

import keras
import numpy as np
import pyarrow as pa

from plait.heads import Head, LinearHead
from plait.table import Column
from plait.tasks import _metrics as metrics
from plait.tasks._labels import demand_labels, labelled_rows
from plait.tasks._losses import ErrorKind, ScaledError, error_of
from plait.tasks._numbers import numbers
from plait.tasks._said import Gives
from plait.tasks._scaled_task import ScaledTask
from plait.tasks._scores import checked, clipped_gain, weighted_median


@dataclass(frozen=True, kw_only=True)
class Regression(ScaledTask):
    """A number, learnt on a standardised scale and answered on the user's own.

    Args:
        transform: what is done before standardising: "log" takes log(1 + x), for amounts of zero
            and more over several orders of magnitude; "quantile" maps the training labels to a
            normal distribution, for any other shape, and answers within their range; None nothing.
            It is undone in answers and scores.
        error: "huber" (squared within one standard deviation, absolute beyond), "mse" or "mae".
        column, features, after, weight, auxiliary, fade, missing: see `Task`.

    `decode` gives `""`, the number, float64.

    `scores` gives mae, rmse, r2 and median_ae on the user's scale; r2 is left out where the labels
    of the rows are all the same.

    Raises:
        ConfigError: an argument that cannot be.

    Example:
        Regression(transform="log")
    """

    main_score: ClassVar[str] = "mae"
    gives: ClassVar[Gives | None] = "number"

    error: ErrorKind = "huber"

    def __post_init__(self) -> None:
        super().__post_init__()
        self._demand_choice("error", get_args(ErrorKind))

    def fit(self, column: Column, weights: np.ndarray | None = None) -> Self:
        labelled = labelled_rows(column, self.missing, weights)
        demand_labels(labelled)
        values = self._values(labelled)
        scale = self._fit_scale(labelled, values)
        median = weighted_median(values, labelled.weights)
        scaled = scale.forward(values)
        centre = 0.0 if self.error == "mse" else scale.forward(np.array(median))
        errors = error_of(scaled - centre, self.error, np)
        return self.with_state(
            {
                "scale": scale.state(),
                "trivial_loss": float(np.average(errors, weights=labelled.weights)),
                "trivial_mae": float(np.average(np.abs(values - median), weights=labelled.weights)),
            }
        )

    def head(self) -> Head:
        return LinearHead(1)

    def loss(self) -> keras.losses.Loss:
        return ScaledError(self.error, self.learnt["trivial_loss"])

    def decode(self, logits: np.ndarray) -> dict[str, pa.Array]:
        return {"": pa.array(self._scale.inverse(logits[:, 0]))}

    def scores(
        self, logits: np.ndarray, column: Column, weights: np.ndarray | None = None
    ) -> dict[str, float]:
        labelled = labelled_rows(column, self.missing, weights)
        if not len(labelled.rows):
            return {}
        truth, w = numbers(labelled, "Regression"), labelled.weights
        answers = self._scale.inverse(checked(logits[labelled.rows, 0]))
        found = {
            "mae": metrics.mean_absolute_error(truth, answers, sample_weight=w),
            "rmse": metrics.root_mean_squared_error(truth, answers, sample_weight=w),
            "median_ae": metrics.median_absolute_error(truth, answers, sample_weight=w),
        }
        if np.ptp(truth) > 0:
            found["r2"] = metrics.r2_score(truth, answers, sample_weight=w)
        return {name: float(value) for name, value in found.items()}

    def amount(self, logits: Any, label: str | None = None) -> Any:
        return self._amount(logits[:, 0])

    def gain(self, scores: Mapping[str, float]) -> float:
        return clipped_gain(scores["mae"], trivial=self.learnt["trivial_mae"], perfect=0.0)
