"""How far forecasts are off, variable by variable."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class ForecastScores:
    """Errors over the known cells, on the user's scale.

    Attributes:
        answers: `(rows, horizon, variables)`.
        truth: likewise, NaN where it is not known.
        weights: `(rows,)`.
        last: `(rows, variables)`, the last known values, NaN for none; None where no history is given.
    """

    answers: np.ndarray
    truth: np.ndarray
    weights: np.ndarray
    last: np.ndarray | None = None

    def named(self, names: Sequence[str], deviations: np.ndarray) -> dict[str, float]:
        """The scores of `Forecast`; those of no cell are left out.

        Args:
            names: of the variables.
            deviations: of each in the training rows.
        """
        error = np.abs(self.answers - self.truth)
        mae, rmse = self._mean(error), np.sqrt(self._mean(error**2))
        by_name = {"mae": mae, "rmse": rmse}
        found = {
            "mae": mae,
            "rmse": rmse,
            "scaled_mae": mae / deviations,
            "scaled_mse": (rmse / deviations) ** 2,
        }
        if self.last is not None:
            stayed = np.abs(self.last[:, None] - self.truth)
            where = np.isfinite(stayed)
            off, stayed = (self._mean(np.where(where, e, np.nan)) for e in (error, stayed))
            relative = np.divide(off, stayed, out=np.full(len(off), np.nan), where=stayed > 0)
            found["relative_mae"] = by_name["relative_mae"] = relative
        scores = {
            name: float(np.mean(values[~np.isnan(values)]))
            for name, values in found.items()
            if not np.isnan(values).all()
        }
        if len(names) > 1:
            for name, values in by_name.items():
                for variable, value in zip(names, values, strict=True):
                    if not np.isnan(value):
                        scores[f"{name}.{variable}"] = float(value)
        return scores

    def _mean(self, errors: np.ndarray) -> np.ndarray:
        """`(variables,)`, the weighted mean over the cells that are no NaN; NaN where there is none."""
        weights = np.where(np.isnan(errors), 0.0, self.weights[:, None, None])
        total = (np.nan_to_num(errors) * weights).sum(axis=(0, 1))
        count = weights.sum(axis=(0, 1))
        return np.divide(total, count, out=np.full(len(count), np.nan), where=count > 0)
