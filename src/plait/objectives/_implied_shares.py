"""What one task's class says of another task's class."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from plait._names import did_you_mean
from plait.errors import ConfigError, DataError
from plait.objectives._answers import shares_of
from plait.table import Table
from plait.tasks import Task

Pair = tuple[Task, Task]
Names = tuple[str, str]
Classes = tuple[list[str], list[str]]


def implied_shares(
    rule: str | Mapping[str, Any], table: Table, names: Names, tasks: Pair, classes: Classes
) -> np.ndarray:
    """How probable each class of the second task is, given each class of the first.

    Args:
        rule: "counts", "equal" or a mapping, see `Consistency`.
        table: the training rows.
        names: of the two tasks.
        tasks: fitted.
        classes: of each, as text.

    Returns:
        `(classes of a, classes of b)`; each row adds up to 1.
    """
    known, implied = classes
    says = np.zeros((len(known), len(implied)))
    if rule == "counts":
        says += _counts(table, names, tasks, says.shape)
    else:
        mapping = _mapping(rule, names[0], known) if isinstance(rule, Mapping) else None
        for place, label in enumerate(known):
            said = label if mapping is None else mapping.get(label)
            if said is not None:
                says[place, _place(said, names[1], implied)] = 1
    nothing = says.sum(axis=1, keepdims=True) == 0
    says = np.where(nothing, shares_of(tasks[1]), says)
    shares: np.ndarray = says / says.sum(axis=1, keepdims=True)
    return shares


def _counts(table: Table, names: Names, tasks: Pair, shape: tuple[int, ...]) -> np.ndarray:
    columns = (task.column or name for task, name in zip(tasks, names, strict=True))
    one, other = (t.targets(table.column(c)) for t, c in zip(tasks, columns, strict=True))
    both = one.labelled & other.labelled
    if not both.any():
        raise DataError(
            f"Consistency: no training row of {table.name} has a label of both '{names[0]}' and "
            f"'{names[1]}', so nothing can be counted. Give the rule as a mapping."
        )
    counts = np.zeros(shape)
    pairs = (np.asarray(targets.values)[both].astype(int) for targets in (one, other))
    np.add.at(counts, tuple(pairs), 1)
    return counts


def _mapping(rule: Mapping[str, Any], name: str, known: list[str]) -> dict[str, str]:
    plain = {str(key): str(value) for key, value in rule.items()}
    for key in plain:
        if key not in known:
            raise ConfigError(
                f"Consistency: the rule speaks of '{key}', and '{name}' has no such class."
                f"{did_you_mean(key, known)}",
                ("rule",),
            )
    return plain


def _place(label: str, name: str, implied: list[str]) -> int:
    if label not in implied:
        raise ConfigError(
            f"Consistency: the rule says '{label}', and '{name}' has no such class."
            f"{did_you_mean(label, implied)}",
            ("rule",),
        )
    return implied.index(label)
