"""The contract of an objective: one more output of the model in training, with a loss of its own."""

import abc
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

import keras
import pyarrow as pa

from plait._ranges import demand_fade, demand_number
from plait.errors import ConfigError, PlaitError
from plait.features import Feature
from plait.objectives._graph import Graph
from plait.table import Table
from plait.tasks import Targets, Task


@dataclass(frozen=True, kw_only=True)
class Objective(abc.ABC):
    """A signal between tasks or features.

    In training it is one more output of the model with a loss: it is weighed by the balancer like an
    auxiliary task, and has its loss in the history. The saved model has nothing of it. Most objectives
    are a `RowObjective`.

    An objective is a frozen declaration; `fit` returns a copy that also holds, in `state`, what was
    learnt from the training rows: plain JSON data and nothing else.

    Args:
        weight: multiplies its loss, before any balancing.
        fade: the shares of the run between which its weight falls to 0 on a line, such as
            `(0.5, 0.8)`; it takes part no more after that. None for never.
        state: what `fit` learnt; not for the user.

    Raises:
        ConfigError: a weight or fade that cannot be.
    """

    weight: float = 1.0
    fade: tuple[float, float] | None = None
    state: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        name = type(self).__name__
        demand_number(name, weight=self.weight)
        if self.fade is not None:
            demand_fade(name, self.fade)

    @property
    def of_tasks(self) -> tuple[str, ...]:
        """The tasks that it needs."""
        return ()

    @property
    def of_features(self) -> tuple[str, ...]:
        """The features that it needs."""
        return ()

    @property
    def teaching(self) -> str | None:
        """Its argument `teacher`: a saved model whose answers its targets are made of, if any."""
        return None

    @property
    def learnt(self) -> Mapping[str, Any]:
        """What `fit` learnt.

        Raises:
            PlaitError: it is not fitted.
        """
        if self.state is None:
            raise PlaitError(f"This {type(self).__name__} has not been fitted yet: call fit first.")
        return self.state

    @abc.abstractmethod
    def fit(self, table: Table, features: Mapping[str, Feature], tasks: Mapping[str, Task]) -> Self:
        """Learns from the training rows; returns a fitted copy.

        Args:
            table: the training rows.
            features: fitted features by name.
            tasks: fitted tasks by name.

        Raises:
            ConfigError: a feature or task of a kind that it cannot be of.
            DataError: rows that do not tell what it has to know.
        """

    @abc.abstractmethod
    def output(self, graph: Graph) -> Any:
        """Its output, `(batch, ...)`, a tensor of the graph."""

    @abc.abstractmethod
    def loss(self) -> keras.losses.Loss:
        """The loss of one row, of order 1 for what looks at nothing; used through `call` only."""

    @abc.abstractmethod
    def targets(self, table: Table, tasks: Mapping[str, Task], taught: pa.Table | None) -> Targets:
        """What its loss compares the output with, row by row.

        Args:
            table: some rows.
            tasks: fitted tasks by name.
            taught: the answers of `teaching` to these rows; None without one.

        Raises:
            DataError: a cell that cannot be read.
        """

    def with_state(self, state: Mapping[str, Any]) -> Self:
        """A fitted copy."""
        return replace(self, state=dict(state))


def fit_objectives(
    objectives: Mapping[str, Objective],
    table: Table,
    features: Mapping[str, Feature],
    tasks: Mapping[str, Task],
) -> dict[str, Objective]:
    """Every objective fitted to the training rows.

    Raises:
        ConfigError: see `Objective.fit`; the message begins with the objective's name.
        DataError: see there, too.
    """
    fitted = {}
    for name, objective in objectives.items():
        try:
            fitted[name] = objective.fit(table, features, tasks)
        except ConfigError as error:
            at = ("objectives", name, type(objective).__name__, *error.at)
            raise ConfigError(f"Objective '{name}': {error}", at) from error
    return fitted
