"""The next steps of a series."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self, get_args

import keras
import numpy as np
import pyarrow as pa

from plait._deviation import deviation
from plait._drawing import draw_steps
from plait._ranges import demand_whole
from plait.errors import ConfigError, DataError
from plait.features import Series, SeriesCells, read_series
from plait.heads import ForecastHead, Head
from plait.table import Column
from plait.tasks._dense_task import DenseTask
from plait.tasks._forecast_error import ForecastError
from plait.tasks._forecast_scores import ForecastScores
from plait.tasks._labels import Labelled, demand_labels, labelled_rows, where
from plait.tasks._losses import ErrorKind, error_of
from plait.tasks._scores import checked, clipped_gain, weighted_median
from plait.tasks._task import Targets
from plait.tasks._variables import places_among


@dataclass(frozen=True, kw_only=True)
class Forecast(DenseTask):
    """The next steps of some or all variables of a series, or of others, from its history.

    A cell has the form of a series (see `Series`): a list of numbers, or several variables; `Windows`
    makes such cells of a long table. Its first `horizon` steps are learnt. A null or NaN among them
    is a gap: it is no label, and the loss is the mean over a row's other cells.

    Each variable is learnt on a scale of its own, standardised by the training rows. The forecast
    starts from the variable's last value in the history, where it is in both; see `ForecastHead`.
    A row without a history is learnt and answered from the other columns.
    Variables are the same if they are called the same; where one side names none, and both have as
    many, by their order. If none is in both, a warning says so.

    Args:
        of: the series that goes on.
        horizon: how many steps ahead.
        variables: which of the target's named variables, in this order; all of them if None.
        error: "huber" (squared within one standard deviation, absolute beyond), "mse" or "mae". By
            "mse" the model is selected by scaled_mse, else by scaled_mae.
        hidden: units of the head's deep correction; 0 for the linear path alone, which other columns
            take no part in.
        missing: numbers, as text, that mean a gap.
        column, features, after, weight, auxiliary, fade: see `Task`.

    `decode` gives `""`, a list of `horizon` numbers, float64; of several variables a record of such
    lists, or a list of lists where the target names none.

    `scores` gives, on the user's scale and in the mean over the variables, mae and rmse; scaled_mae and
    scaled_mse, in units of each variable's deviation in the training rows, and its square; and
    relative_mae: the error divided by that of the last known value, going on, over the cells where
    there is one. Of several variables the first, second and last of these are also given for each,
    as "mae.NAME", with its number from 0 for a name where there is none.

    Raises:
        ConfigError: an argument that cannot be.

    Example:
        Forecast(of="history", horizon=6, variables=["PM2.5", "NO2"])

    References:
        R. J. Hyndman, A. B. Koehler, "Another Look at Measures of Forecast Accuracy", 2006, for errors
        relative to those of the last value.
    """

    parts = "series"
    modalities = ("series",)
    needs_feature: ClassVar[bool] = False
    """Other columns may say how a series begins."""

    horizon: int = 1
    variables: tuple[str, ...] | None = None
    error: ErrorKind = "huber"
    hidden: int = 128

    def __post_init__(self) -> None:
        super().__post_init__()
        demand_whole("Forecast", horizon=self.horizon)
        demand_whole("Forecast", least=0, hidden=self.hidden)
        if self.error not in get_args(ErrorKind):
            choices = ", ".join(map(repr, get_args(ErrorKind)))
            raise ConfigError(f"Forecast: error is one of {choices}. Received: {self.error!r}")

    @property
    def main_score(self) -> str:  # type: ignore[override]
        """That of the error that is learnt."""
        return "scaled_mse" if self.error == "mse" else "scaled_mae"

    def fit(self, column: Column, weights: np.ndarray | None = None) -> Self:
        labelled, steps, names = self._labelled(column, weights)
        demand_labels(labelled)
        source = f"Column '{column.name}' of {column.source}"
        known = ~np.isnan(steps)
        weight = np.broadcast_to(labelled.weights[:, None, None], steps.shape)
        scales: list[tuple[float, float, float]] = []
        for place in range(steps.shape[2]):
            there = known[..., place]
            if not there.any():
                raise DataError(
                    f"{source}: the variable '{names[place] if names else place}' has no value in "
                    "any training row. Name the others in Forecast(variables=...)."
                )
            values, w = steps[..., place][there], weight[..., place][there]
            centre = float(np.average(values, weights=w))
            spread = deviation(values, centre, w)
            scales.append((centre, spread, (weighted_median(values, w) - centre) / spread))
        mean, std, median = np.array(scales).T
        scaled = np.where(known, (steps - mean) / std, 0.0)
        lowest = np.where(known, scaled, np.inf).min(axis=0)
        if (lowest >= np.where(known, scaled, -np.inf).max(axis=0)).all():
            raise DataError(
                f"{source}: all that is known of the training rows' steps is the same. Forecast needs "
                "rows that differ."
            )
        squared = self.error == "mse"
        answer = np.zeros_like(median) if squared else median
        errors = np.where(known, error_of(scaled - answer, self.error, np), 0.0)
        by_row = errors.sum(axis=(1, 2)) / known.sum(axis=(1, 2))
        off = error_of(scaled - answer, "mse" if squared else "mae", np)
        off = np.where(known, off, 0.0) * weight
        trivial_score = off.sum(axis=(0, 1)) / (weight * known).sum(axis=(0, 1))
        return self.with_state(
            {
                "names": None if names is None else list(names),
                "mean": mean.tolist(),
                "std": std.tolist(),
                "trivial": answer.tolist(),
                "trivial_loss": float(np.average(by_row, weights=labelled.weights)),
                "trivial_score": float(trivial_score.mean()),
                **self._history(names, mean, std),
            }
        )

    def _history(
        self, names: tuple[str, ...] | None, mean: np.ndarray, std: np.ndarray
    ) -> dict[str, Any]:
        """Where the head finds the variables in the series, and what brings them to its scale."""
        series = self.feature.learnt
        count = len(series["mean"])
        read = places_among(names, len(mean), series["names"], count, self.of)
        places = np.maximum(read, 0)
        return {
            "variables": count,
            "read": read,
            "scale": (np.array(series["std"])[places] / std).tolist(),
            "shift": ((np.array(series["mean"])[places] - mean) / std).tolist(),
        }

    def targets(self, column: Column) -> Targets:
        state = self.learnt
        labelled, steps, _ = self._labelled(column)
        known = ~np.isnan(steps)
        values = np.zeros((len(column), self.horizon, len(state["mean"]), 2), "float32")
        scaled = (steps - state["mean"]) / np.array(state["std"])
        values[labelled.rows, ..., 0] = np.where(known, scaled, 0.0)
        values[labelled.rows, ..., 1] = known
        return Targets(values, labelled.flags)

    def head(self) -> Head:
        state = self.learnt
        read = (state["variables"], state["read"], state["scale"], state["shift"])
        zero = -np.array(state["mean"]) / state["std"]
        return ForecastHead(self.horizon, *read, hidden=self.hidden, zero=zero.tolist())

    def trivial_logits(self) -> np.ndarray:
        return np.tile(np.array(self.learnt["trivial"], "float32"), (1, self.horizon, 1))

    def loss(self) -> keras.losses.Loss:
        return ForecastError(self.error, self.learnt["trivial_loss"])

    def decode(self, logits: np.ndarray) -> dict[str, pa.Array]:
        answers = self._unscaled(logits)
        ends = pa.array(np.arange(len(answers) + 1, dtype="int32") * self.horizon)
        names = self.learnt["names"]
        if names is None and answers.shape[2] > 1:
            ends_of_steps = np.arange(answers[..., 0].size + 1, dtype="int32") * answers.shape[2]
            inner = pa.ListArray.from_arrays(pa.array(ends_of_steps), pa.array(answers.ravel()))
            return {"": pa.ListArray.from_arrays(ends, inner)}
        lists = [
            pa.ListArray.from_arrays(ends, pa.array(answers[..., place].ravel()))
            for place in range(answers.shape[2])
        ]
        return {"": lists[0] if names is None else pa.StructArray.from_arrays(lists, names)}

    def scores(
        self, logits: np.ndarray, column: Column, weights: np.ndarray | None = None
    ) -> dict[str, float]:
        labelled, truth, _ = self._labelled(column, weights)
        if not len(labelled.rows):
            return {}
        answers = self._unscaled(checked(logits[labelled.rows]))
        last = self._last(labelled.rows)
        names = self.learnt["names"] or list(map(str, range(truth.shape[2])))
        found = ForecastScores(answers, truth, labelled.weights, last)
        return found.named(names, np.array(self.learnt["std"]))

    def draw(self, figure: Any, logits: np.ndarray, column: Column | None) -> None:
        answers = self._unscaled(logits)[0]
        names = self.learnt["names"] or list(map(str, range(answers.shape[1])))
        labels = None
        if column is not None:
            _, steps, _ = self._labelled(column)
            labels = steps[0] if len(steps) else None
        draw_steps(figure, names, self._past(), answers, labels)

    def gain(self, scores: Mapping[str, float]) -> float:
        return clipped_gain(scores[self.main_score], self.learnt["trivial_score"], perfect=0.0)

    def _unscaled(self, logits: np.ndarray) -> np.ndarray:
        scaled = np.asarray(logits, "float64")
        return scaled * np.array(self.learnt["std"]) + np.array(self.learnt["mean"])

    def _last(self, rows: np.ndarray) -> np.ndarray | None:
        """`(rows, variables)`, the last known values in the history, NaN for none; None without one."""
        bound = getattr(self, "_beside", None)
        if bound is None or bound.cells is None or not isinstance(bound.feature, Series):
            return None
        last = bound.feature.last_values(bound.cells.take(rows))
        read = np.array(self.learnt["read"])
        return np.where(read >= 0, last[:, np.maximum(read, 0)], np.nan)

    def _past(self) -> np.ndarray | None:
        """`(steps, variables)`, what is known of the first row before; None where nothing is."""
        bound = getattr(self, "_beside", None)
        if bound is None or bound.cells is None or not isinstance(bound.feature, Series):
            return None
        steps = bound.feature.steps(bound.cells.take(np.arange(1)))
        read = np.array(self.learnt["read"])
        return np.where(read >= 0, steps[:, np.maximum(read, 0)], np.nan) if len(steps) else None

    def _labelled(
        self, column: Column, weights: np.ndarray | None = None
    ) -> tuple[Labelled, np.ndarray, tuple[str, ...] | None]:
        """The rows with a known cell; `(rows, horizon, variables)`, NaN for gaps; and names.

        Raises:
            DataError: cells that are no series, or shorter than the horizon.
        """
        labelled = labelled_rows(column, (), weights)
        count, chosen = None, self.variables
        if self.state is not None:
            count = len(self.state["mean"])
            chosen = None if self.state["names"] is None else tuple(self.state["names"])
        found = read_series(labelled.column, chosen, count, self.missing, "Forecast")
        short = np.flatnonzero(found.present & (found.sizes < self.horizon))
        if len(short):
            raise DataError(
                f"{where(labelled, short[0])}: Forecast(horizon={self.horizon}) needs "
                f"{self.horizon} steps. Received {found.sizes[short[0]]}. Where they are not known, "
                "leave them empty and keep their places, or choose a shorter horizon."
            )
        steps = _first(found, self.horizon)
        known = ~np.isnan(steps).all(axis=(1, 2))
        return labelled.kept(known), steps[known], found.names


def _first(found: SeriesCells, count: int) -> np.ndarray:
    """`(rows, count, variables)`, each row's first steps; NaN throughout for a row without a value."""
    steps = np.full((len(found.present), count, found.values.shape[1]), np.nan)
    rows = np.flatnonzero(found.present)
    places = found.starts[rows][:, None] + np.arange(count)
    steps[rows] = found.values[places]
    return steps
