"""How one kind of feature is hidden and told, and what it costs to tell it wrong."""

import abc
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
from keras import ops

from plait.errors import DataError
from plait.features import Feature
from plait.objectives._graph import Graph
from plait.table import Column

_LEAST = 1e-3


class Told(abc.ABC):
    """How one kind of feature is hidden and told.

    Attributes:
        share: of its parts that are hidden, if the user says none; None where a cell is hidden whole.
    """

    share: ClassVar[float | None] = None

    @staticmethod
    @abc.abstractmethod
    def learn(feature: Any, column: Column) -> dict[str, Any]:
        """What the losses need to know of the training rows, as plain JSON data."""

    @staticmethod
    @abc.abstractmethod
    def read(graph: Graph, name: str, share: float, state: Mapping[str, Any]) -> dict[str, Any]:
        """See `RowObjective.read`."""

    @staticmethod
    @abc.abstractmethod
    def losses(seen: Mapping[str, Any], state: Mapping[str, Any]) -> tuple[Any, Any]:
        """See `RowObjective.losses`."""


def number_losses(said: Any, values: Any) -> Any:
    error = ops.absolute(ops.cast(said, "float32") - values)
    return ops.where(error <= 1, ops.square(error) / 2, error - 0.5)


def category_losses(said: Any, ids: Any) -> Any:
    """Of ids from 1, in one axis less than what is said."""
    said = ops.cast(said, "float32")
    truth = ops.one_hot(ids - 1, said.shape[-1], dtype="float32")
    return -ops.sum(truth * ops.log_softmax(said, axis=-1), axis=-1)


def trivial_number(values: np.ndarray) -> float:
    sizes = np.abs(values.astype("float64"))
    losses = np.where(sizes <= 1, sizes**2 / 2, sizes - 0.5)
    return max(_LEAST, float(losses.mean())) if len(losses) else 1.0


def trivial_category(feature: Feature, values: np.ndarray) -> dict[str, Any]:
    return shares_of(np.bincount(values, minlength=feature.for_encoder["size"])[1:])


def shares_of(counts: np.ndarray) -> dict[str, Any]:
    """How common each of some classes is, and the loss of an answer that says only that."""
    if not counts.any():
        raise DataError("Reconstruct: no training row has anything that can be told.")
    # Each is told at least once: those of the training rows that a table of another time lacks, too.
    shares = np.maximum(counts, 1) / np.maximum(counts, 1).sum()
    return {
        "shares": shares.tolist(),
        "trivial": max(_LEAST, float(-(shares * np.log(shares)).sum())),
    }


def prior_of(shares: Sequence[float]) -> list[float]:
    return [float(share) for share in np.log(shares)]
