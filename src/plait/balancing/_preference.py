"""How much each task is preferred: numbers by task, given once."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from plait._names import did_you_mean
from plait.errors import BalancingError

Preference = Mapping[str, float] | Sequence[float] | float | None
"""A number for each task: by name, in the order of the model's outputs, or one for all."""


def as_numbers(
    owner: str, argument: str, given: Preference, tasks: tuple[str, ...], default: float
) -> np.ndarray:
    """`(tasks,)` float32.

    Args:
        owner: the class that the argument is of.
        argument: its name.
        given: what the user gave; tasks that a mapping leaves out get `default`.
        tasks: the tasks' names.
        default: for None.

    Raises:
        BalancingError: a name that no task has, another count, or what is no number.
    """
    if given is None:
        given = default
    if isinstance(given, Mapping):
        for name in given:
            if name not in tasks:
                raise BalancingError(
                    f"{owner}: {argument} names '{name}', which no task is called."
                    f"{did_you_mean(str(name), tasks)}"
                )
        return np.array([given.get(task, default) for task in tasks], "float32")
    numbers: Any = np.asarray(given, "float32")
    if numbers.ndim == 0:
        return np.full(len(tasks), numbers, "float32")
    if numbers.shape != (len(tasks),):
        raise BalancingError(
            f"{owner}: {argument} has {numbers.size} values for {len(tasks)} tasks: {list(tasks)}"
        )
    return numbers
