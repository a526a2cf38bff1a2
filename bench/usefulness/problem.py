"""What the three problems have in common: arrays in parts, a model, and a score for each task."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import keras
import numpy as np
from sklearn.metrics import roc_auc_score

Arrays = dict[str, np.ndarray]


@dataclass(frozen=True)
class Part:
    """Rows of a problem, inputs and labels by name; a missing class is -1, a missing number NaN."""

    x: Arrays
    y: Arrays

    def __len__(self) -> int:
        return len(next(iter(self.x.values())))

    def take(self, rows: np.ndarray) -> "Part":
        return Part(*({name: a[rows] for name, a in arrays.items()} for arrays in (self.x, self.y)))


@dataclass(frozen=True)
class Problem:
    """One data set with its model.

    Attributes:
        parts: "train", "validation" and "test".
        build: makes new inputs and outputs of the network, by name.
        scores: how each task is scored.
        batch_size: rows a step.
        epochs: passes over the training rows, the same for every method.
        rates: the learning rates that are tried.
        unit: what one unit of a standardised target is, for "mae".
    """

    parts: dict[str, Part]
    build: Callable[[], tuple[Any, dict[str, Any]]]
    scores: dict[str, Literal["accuracy", "auc", "mae"]]
    batch_size: int
    epochs: int
    rates: tuple[float, ...]
    unit: float = 1.0

    @property
    def losses(self) -> dict[str, keras.losses.Loss]:
        """Plain Keras losses, on no common scale: that is what balancing is said to cure."""
        kinds = {
            "accuracy": lambda: keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            "auc": lambda: keras.losses.BinaryCrossentropy(from_logits=True),
            "mae": keras.losses.Huber,
        }
        return {task: kinds[kind]() for task, kind in self.scores.items()}

    @property
    def metrics(self) -> dict[str, list[keras.metrics.Metric]]:
        """The scores of which more is better, as Keras computes them while it trains."""
        kinds = {
            "accuracy": lambda: [keras.metrics.SparseCategoricalAccuracy()],
            "auc": lambda: [keras.metrics.AUC(from_logits=True)],
            "mae": list,
        }
        return {task: kinds[kind]() for task, kind in self.scores.items()}

    def score(self, answers: Arrays, labels: Arrays) -> dict[str, float]:
        """Each task's score over its labelled rows; NaN where an answer is not finite."""
        return {t: self._score(kind, labels[t], answers[t]) for t, kind in self.scores.items()}

    def gains(self, scores: dict[str, float]) -> dict[str, float]:
        """Each score between the answer that knows only the training labels, 0, and no error, 1."""
        return {t: self._gain(kind, t, scores[t]) for t, kind in self.scores.items()}

    def _score(self, kind: str, labels: np.ndarray, answers: np.ndarray) -> float:
        there = labels >= 0 if kind == "accuracy" else ~np.isnan(labels)
        labels, answers = labels[there], answers[there]
        if not np.isfinite(answers).all():
            return float("nan")
        if kind == "accuracy":
            return float(np.mean(answers.argmax(-1) == labels))
        if kind == "auc":
            return float(roc_auc_score(labels, answers[:, 0]))
        return float(np.mean(np.abs(answers[:, 0] - labels))) * self.unit

    def _gain(self, kind: str, task: str, score: float) -> float:
        if kind == "auc":
            return 2 * score - 1
        labels = self.parts["train"].y[task]
        if kind == "accuracy":
            known = labels[labels >= 0]
            trivial = float(np.bincount(known).max() / len(known))
            return (score - trivial) / (1 - trivial)
        known = labels[~np.isnan(labels)]
        return 1 - score / (float(np.mean(np.abs(known - np.median(known)))) * self.unit)
