"""Objectives whose loss is made of what the model itself makes of a row."""

import abc
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self, final

import keras
import numpy as np
import pyarrow as pa
from keras import ops

import plait.objectives
from plait._names import from_plain, to_plain
from plait.backend import set_mask
from plait.features import Feature
from plait.objectives._graph import Graph
from plait.objectives._objective import Objective
from plait.table import Table
from plait.tasks import Targets, Task


@dataclass(frozen=True, kw_only=True)
class RowObjective(Objective):
    """An objective of what the model makes of each row: which tensors it reads, and what they cost.

    Args:
        weight, fade, state: see `Objective`.

    Example:
        @dataclass(frozen=True)
        class SameSize(plait.RowObjective):
            \"\"\"Two features' vectors should be of one length.\"\"\"

            one: str
            other: str

            @property
            def of_features(self):
                return self.one, self.other

            def read(self, graph):
                seen = {n: graph.feature(getattr(self, n)) for n in ("one", "other")}
                own = {
                    n: graph.own(plait.LinearHead, n, size=8)(f.tokens, f.mask)
                    for n, f in seen.items()
                }
                return {**own, **{f"{n} there": f.present for n, f in seen.items()}}

            def losses(self, seen):
                lengths = [keras.ops.norm(seen[n], axis=-1) for n in ("one", "other")]
                there = keras.ops.logical_and(seen["one there"], seen["other there"])
                return keras.ops.square(lengths[0] - lengths[1]), there
    """

    @abc.abstractmethod
    def read(self, graph: Graph) -> dict[str, Any]:
        """The tensors of the graph, each `(batch, ...)`, that its loss is made of, by name."""

    @abc.abstractmethod
    def losses(self, seen: Mapping[str, Any]) -> tuple[Any, Any]:
        """Each row's loss, and which rows count.

        Args:
            seen: the values of what `read` gave. What stands in a row that does not count may change
                nothing in another.

        Returns:
            `(batch,)` float32, of order 1 for what looks at nothing; and `(batch,)` bool.
        """

    def fit(self, table: Table, features: Mapping[str, Feature], tasks: Mapping[str, Task]) -> Self:
        return self.with_state({})

    @final
    def output(self, graph: Graph) -> Any:
        return graph.own(RowLosses, "losses", objective=self)(self.read(graph))

    @final
    def loss(self) -> keras.losses.Loss:
        return AsGiven()

    @final
    def targets(self, table: Table, tasks: Mapping[str, Task], taught: pa.Table | None) -> Targets:
        rows = table.num_rows
        return Targets(np.zeros(rows, "float32"), np.ones(rows, bool))


@keras.saving.register_keras_serializable(package="plait")
class RowLosses(keras.layers.Layer):
    """The losses of an objective, with those rows masked that do not count.

    Args:
        objective: fitted; or what `get_config` makes of it.

    Call arguments:
        seen: what the objective reads, by name.

    Returns:
        `(batch,)` float32 with a Keras mask `(batch,)`.
    """

    def __init__(self, objective: RowObjective | Mapping[str, Any], **kwargs: Any) -> None:
        # It is to compare what it is given, and no rounding of it.
        super().__init__(**{**kwargs, "dtype": "float32", "autocast": False})
        self.objective: RowObjective = (
            _declared(objective["declared"]).with_state(objective["state"])
            if isinstance(objective, Mapping)
            else objective
        )

    def call(self, seen: dict[str, Any]) -> Any:
        losses, counts = self.objective.losses(seen)
        losses = ops.where(counts, ops.cast(losses, "float32"), 0.0)
        set_mask(losses, counts)
        return losses

    def get_config(self) -> dict[str, Any]:
        plain = {
            "declared": to_plain(self.objective),
            "state": to_plain(self.objective.learnt),
        }
        return {**super().get_config(), "objective": plain}


def _declared(plain: Any) -> Any:
    """An objective of plait's, or of a class that Keras was told of."""
    name = plain if isinstance(plain, str) else next(iter(plain))
    known = keras.saving.get_registered_object(name)
    return from_plain(plain, plait.objectives, {} if known is None else {name: known})


@keras.saving.register_keras_serializable(package="plait")
class AsGiven(keras.losses.Loss):
    """What the model gives, as it is.

    Call arguments:
        y_true: `(batch, 1)`, of no meaning.
        y_pred: `(batch, 1)`.

    Returns:
        `(batch,)` from `call`.
    """

    def call(self, y_true: Any, y_pred: Any) -> Any:
        return ops.reshape(y_pred, (-1,))
