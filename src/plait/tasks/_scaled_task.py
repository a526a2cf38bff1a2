"""What tasks of a number on a standardised scale have in common."""

import abc
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar, get_args

import numpy as np
from keras import ops

from plait.errors import ConfigError
from plait.table import Column
from plait.tasks._labels import Labelled, labelled_rows
from plait.tasks._numbers import fit_scale, numbers, on_domain
from plait.tasks._scale import Scale, Transform
from plait.tasks._task import Targets, Task


@dataclass(frozen=True, kw_only=True)
class ScaledTask(Task, abc.ABC):
    """A number, learnt on a standardised scale and answered on the user's own.

    Args:
        transform: what is done before standardising; see `Regression`.

    Raises:
        ConfigError: an unknown transform.
    """

    quantity: ClassVar[bool] = True

    transform: Transform | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        self._demand_choice("transform", (None, *get_args(Transform)))

    def targets(self, column: Column) -> Targets:
        labelled = labelled_rows(column, self.missing)
        values = np.zeros(len(column), "float32")
        values[labelled.rows] = self._scale.forward(self._values(labelled))
        return Targets(values, labelled.flags)

    def spread(self, label: str | None = None) -> float | None:
        return None if self.transform is not None else self._scale.std

    def _amount(self, scaled: Any) -> Any:
        """A standardised number on the user's own scale."""
        return ops.cast(scaled, "float32") * self._scale.std + self._scale.mean

    @property
    def _scale(self) -> Scale:
        return Scale.from_state(self.learnt["scale"])

    def _fit_scale(self, labelled: Labelled, values: np.ndarray) -> Scale:
        return fit_scale(labelled, values, self.transform, type(self).__name__)

    def _values(self, labelled: Labelled) -> np.ndarray:
        """The labels, of which each has a place on the scale.

        Raises:
            DataError: a cell that is no finite number, or none that the transform takes.
        """
        name = type(self).__name__
        return on_domain(labelled, numbers(labelled, name), self.transform, name)

    def _demand_choice(self, name: str, allowed: Iterable[object]) -> None:
        value = getattr(self, name)
        if value not in allowed:
            choices = ", ".join(map(repr, allowed))
            raise ConfigError(
                f"{type(self).__name__}: {name} is one of {choices}. Received: {value!r}"
            )
