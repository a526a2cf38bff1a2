"""What the tasks' scores have in common: probabilities, and sums over weighted rows."""

from typing import Any

import numpy as np
import pyarrow as pa

from plait.errors import PlaitError
from plait.tasks._labels import as_text


def checked(logits: np.ndarray) -> np.ndarray:
    """The logits as float64.

    Raises:
        PlaitError: they are not finite.
    """
    if not np.isfinite(logits).all():
        raise PlaitError(
            "The model's logits are not finite, so they cannot be scored. A lower learning rate, "
            "or clip_norm, keeps the weights finite."
        )
    return np.asarray(logits, "float64")


def sigmoid(logits: np.ndarray) -> np.ndarray:
    """1 / (1 + exp(-z)), float64."""
    return np.exp(-softplus(-np.asarray(logits)))


def softplus(values: np.ndarray) -> np.ndarray:
    """log(1 + exp(x)), float64."""
    return np.logaddexp(0, np.asarray(values, "float64"))


def log_softmax(logits: np.ndarray) -> np.ndarray:
    """Over the last axis, float64."""
    logits = np.asarray(logits, "float64")
    logits = logits - logits.max(axis=-1, keepdims=True)
    return logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))


def binary_entropy(shares: np.ndarray) -> np.ndarray:
    """-p log p - (1 - p) log(1 - p) in nats, 0 at the ends."""
    return _surprise(shares) + _surprise(1 - np.asarray(shares))


def entropy(shares: np.ndarray) -> float:
    """-sum of p log p in nats."""
    return float(_surprise(shares).sum())


def weighted_median(values: np.ndarray, weights: np.ndarray) -> float:
    """The least value with half of the weight at or below it."""
    return weighted_quantile(values, weights, 0.5)


def weighted_quantile(values: np.ndarray, weights: np.ndarray, level: float) -> float:
    """The least value with that share of the weight at or below it."""
    order = np.argsort(values, kind="stable")
    below = np.cumsum(weights[order])
    return float(values[order][np.searchsorted(below, below[-1] * level)])


def rising(values: np.ndarray, step: float) -> np.ndarray:
    """The values, `(count,)`, each raised to at least `step` above the one before."""
    steps = np.arange(len(values)) * step
    raised: np.ndarray = np.maximum.accumulate(values - steps) + steps
    return raised


def clipped_gain(score: float, trivial: float, perfect: float = 1.0) -> float:
    """(s - s0) / (s* - s0) clipped to [-1, 1]."""
    return float(np.clip((score - trivial) / (perfect - trivial), -1, 1))


def by_class(probabilities: np.ndarray, classes: list[Any]) -> pa.StructArray:
    """`(rows, classes)` as one record a row, a field for each class."""
    names = as_text(pa.array(classes)).to_pylist()
    return pa.StructArray.from_arrays([pa.array(column) for column in probabilities.T], names)


def _surprise(shares: Any) -> np.ndarray:
    shares = np.asarray(shares, "float64")
    return -shares * np.log(np.where(shares > 0, shares, 1))
