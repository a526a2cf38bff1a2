"""A cell, told from the rest of its row."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from keras import ops

from plait.errors import ConfigError, DataError
from plait.features import Category, Encoded, Feature, Number
from plait.heads import LinearHead
from plait.objectives._graph import Graph
from plait.objectives._row_objective import RowObjective
from plait.table import Table
from plait.tasks import Task

_LEAST = 1e-3


@dataclass(frozen=True)
class Reconstruct(RowObjective):
    """A feature should be told from the others: its cell is hidden, and the model says what it was.

    The shared part is called once more with the feature absent in every row, and a linear head of
    its own
    answers from there: the standardised number (by its squared error within one standard deviation,
        its absolute one beyond) or the category (cross-entropy; a value that training has not seen
        is no answer).
    The loss is divided by that of the training cells' mean, or of their shares. Rows without the
    cell do not count.

    Args:
        feature: a `Number` or a `Category`, one of two features or more.
        weight, fade: see `Objective`.

    Raises:
        ConfigError: when it is fitted, a feature of another kind, or one that is alone.

    Example:
        Reconstruct("price")

    References:
        J. Yoon, Y. Zhang, J. Jordon, M. van der Schaar, "VIME: Extending the Success of Self- and
        Semi-supervised Learning to Tabular Domain" (2020), where cells are swapped at random; here one
        column is hidden, always and whole.
    """

    feature: str

    @property
    def of_features(self) -> tuple[str, ...]:
        return (self.feature,)

    def fit(self, table: Table, features: Mapping[str, Feature], tasks: Mapping[str, Task]) -> Self:
        feature = features[self.feature]
        learn = _LEARN.get(type(feature))
        if learn is None:
            kinds = " or a ".join(kind.__name__ for kind in _LEARN)
            raise ConfigError(
                f"Reconstruct: '{self.feature}' is a {type(feature).__name__}, and what can be told "
                f"from the rest of a row is a {kinds}.",
                ("feature",),
            )
        if len(features) < 2:
            raise ConfigError(
                f"Reconstruct: '{self.feature}' is the only feature, and there is nothing else in a "
                "row to tell it from.",
                ("feature",),
            )
        return self.with_state(
            learn(feature, feature.encode(table.column(feature.column or self.feature)))
        )

    def read(self, graph: Graph) -> dict[str, Any]:
        seen = graph.feature(self.feature)
        shares = self.learnt.get("shares")
        prior = None if shares is None else np.log(shares).tolist()
        head = graph.own(LinearHead, "head", size=len(shares or (0,)), prior=prior)
        said = head(*graph.represented(without=(self.feature,)))
        return {"said": said, "values": seen.values, "present": seen.present}

    def losses(self, seen: Mapping[str, Any]) -> tuple[Any, Any]:
        said, trivial = ops.cast(seen["said"], "float32"), self.learnt["trivial"]
        if "shares" not in self.learnt:
            error = ops.absolute(said[:, 0] - ops.cast(seen["values"], "float32")[:, 0])
            return ops.where(error <= 1, ops.square(error) / 2, error - 0.5) / trivial, seen[
                "present"
            ]
        ids = ops.cast(seen["values"], "int32")
        # 0 is "unknown".
        truth = ops.one_hot(ids - 1, said.shape[-1], dtype="float32")
        surprise = -ops.sum(truth * ops.log_softmax(said, axis=-1), axis=-1)
        return surprise / trivial, ops.logical_and(seen["present"], ids > 0)


def _number(feature: Feature, cells: Encoded) -> dict[str, Any]:
    values = np.abs(cells.values[cells.present, 0].astype("float64"))
    losses = np.where(values <= 1, values**2 / 2, values - 0.5)
    return {"trivial": max(_LEAST, float(losses.mean()))}


def _category(feature: Feature, cells: Encoded) -> dict[str, Any]:
    size = feature.for_encoder["size"]
    counts = np.bincount(cells.values[cells.present], minlength=size)[1:]
    if not counts.any():
        raise DataError("Reconstruct: no training row has a category that can be told.")
    # Each is told at least once: those of the training rows that a table of another time lacks, too.
    shares = np.maximum(counts, 1) / np.maximum(counts, 1).sum()
    return {
        "shares": shares.tolist(),
        "trivial": max(_LEAST, float(-(shares * np.log(shares)).sum())),
    }


_LEARN: Mapping[type, Callable[[Any, Encoded], dict[str, Any]]] = {
    Number: _number,
    Category: _category,
}
