"""A number, and the interval that it lies in."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import keras
import numpy as np
import pyarrow as pa

from plait.errors import ConfigError
from plait.heads import Head, OrderedHead
from plait.table import Column
from plait.tasks import _metrics as metrics
from plait.tasks._labels import demand_labels, labelled_rows
from plait.tasks._numbers import numbers
from plait.tasks._pinball import Pinball, pinball
from plait.tasks._said import Gives
from plait.tasks._scaled_task import ScaledTask
from plait.tasks._scores import checked, clipped_gain, rising, weighted_quantile

_MEDIAN = 0.5
_LEAST_STEP = 1e-3


@dataclass(frozen=True, kw_only=True)
class Quantiles(ScaledTask):
    """A number with a prediction interval: some quantiles of what the label may be, given the row.

    They are learnt by the pinball loss on a standardised scale, and no two can cross (`OrderedHead`).

    Args:
        levels: of the quantiles, rising, each in (0, 1); 0.5 is one of them. The outermost are the
            interval: by 0.1 and 0.9 four labels of five shall lie in it.
        transform: see `Regression`; a quantile of the transformed label is the transformed quantile.
        column, features, after, weight, auxiliary, fade, missing: see `Task`.

    `decode` gives `""`, the median; `"low"` and `"high"`, the interval; `"quantiles"`, a record with a
    field for each level. All are float64, on the user's scale.

    `scores` gives mae of the median; pinball, the mean loss over the levels; coverage, the share of
    labels in the interval; and width, the interval's mean. All are on the user's scale.

    Raises:
        ConfigError: an argument that cannot be.

    Example:
        Quantiles(levels=[0.05, 0.5, 0.95])

    References:
        R. Koenker, G. Bassett, "Regression Quantiles", 1978.
    """

    main_score: ClassVar[str] = "pinball"
    gives: ClassVar[Gives | None] = "numbers"
    answer_parts: ClassVar[tuple[str, ...]] = ("low", "high", "quantiles")

    levels: tuple[float, ...] = (0.1, 0.5, 0.9)

    def __post_init__(self) -> None:
        super().__post_init__()
        bounded = [0.0, *self.levels, 1.0]
        if not (len(self.levels) > 1 and _MEDIAN in self.levels and (np.diff(bounded) > 0).all()):
            raise ConfigError(
                "Quantiles: levels rise from one to the next, between 0 and 1, with 0.5 and at least "
                f"one more among them. Received: {list(self.levels)}"
            )

    def fit(self, column: Column, weights: np.ndarray | None = None) -> Self:
        labelled = labelled_rows(column, self.missing, weights)
        demand_labels(labelled)
        values, w = self._values(labelled), labelled.weights
        scale = self._fit_scale(labelled, values)
        trivial = np.array([weighted_quantile(values, w, level) for level in self.levels])
        scaled = scale.forward(values)
        prior = rising(scale.forward(trivial), _LEAST_STEP)
        losses = pinball(scaled[:, None] - prior, self.levels, np)
        errors = pinball(values[:, None] - trivial, self.levels, np)
        return self.with_state(
            {
                "scale": scale.state(),
                "prior": prior.tolist(),
                "trivial_loss": float(np.average(losses, weights=w)),
                "trivial_pinball": float(np.average(errors, weights=w)),
            }
        )

    def head(self) -> Head:
        middle = self.levels.index(_MEDIAN)
        return OrderedHead(len(self.levels), prior=tuple(self.learnt["prior"]), middle=middle)

    def loss(self) -> keras.losses.Loss:
        return Pinball(self.levels, self.learnt["trivial_loss"])

    def decode(self, logits: np.ndarray) -> dict[str, pa.Array]:
        quantiles = [pa.array(column) for column in self._scale.inverse(logits).T]
        return {
            "": quantiles[self.levels.index(_MEDIAN)],
            "low": quantiles[0],
            "high": quantiles[-1],
            "quantiles": pa.StructArray.from_arrays(quantiles, [f"{q:g}" for q in self.levels]),
        }

    def scores(
        self, logits: np.ndarray, column: Column, weights: np.ndarray | None = None
    ) -> dict[str, float]:
        labelled = labelled_rows(column, self.missing, weights)
        if not len(labelled.rows):
            return {}
        truth, w = numbers(labelled, "Quantiles"), labelled.weights
        answers = self._scale.inverse(checked(logits[labelled.rows]))
        low, high = answers[:, 0], answers[:, -1]
        errors = pinball(truth[:, None] - answers, self.levels, np)
        middle = answers[:, self.levels.index(_MEDIAN)]
        found = {
            "mae": metrics.mean_absolute_error(truth, middle, sample_weight=w),
            "pinball": np.average(errors, weights=w),
            "coverage": np.average((low <= truth) & (truth <= high), weights=w),
            "width": np.average(high - low, weights=w),
        }
        return {name: float(value) for name, value in found.items()}

    def amount(self, logits: Any, label: str | None = None) -> Any:
        return self._amount(logits[:, self.levels.index(_MEDIAN)])

    def gain(self, scores: Mapping[str, float]) -> float:
        return clipped_gain(scores["pinball"], self.learnt["trivial_pinball"], perfect=0.0)
