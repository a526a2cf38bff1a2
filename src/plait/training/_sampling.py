"""How often each row is drawn: evenly, by a column, by classes, or by tasks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any, Self

import numpy as np

from plait._names import did_you_mean
from plait.errors import ConfigError, DataError
from plait.inference import row_weights
from plait.table import Table
from plait.tasks import Targets, Task

_WAYS = ("balance", "weight", "temperature")
_ROUNDS = 1000
_NEAR = 0.01
"""The part of itself by which a class' share may miss what it shall be."""


@dataclass(frozen=True)
class Sampling:
    """How many times a row is drawn in an epoch; one of three ways.

    Attributes:
        balance: the tasks whose classes are drawn equally often.
        weight: the column that the times are proportional to.
        temperature: of the tasks' shares.
    """

    balance: tuple[str, ...] = ()
    weight: str | None = None
    temperature: float | None = None

    @classmethod
    def read(cls, given: Mapping[str, Any]) -> Self:
        """`{balance: task}`, `{balance: [task, ...]}`, `{weight: column}` or `{temperature: T}`.

        Raises:
            ConfigError: it is none of these.
        """
        if not isinstance(given, Mapping) or len(given) != 1 or not set(given) <= set(_WAYS):
            raise _refusal(given)
        ((way, value),) = given.items()
        if way == "balance":
            names = (value,) if isinstance(value, str) else value
            listed = isinstance(names, Sequence) and len(names) > 0
            if not listed or not all(isinstance(name, str) for name in names):
                raise _refusal(given)
            return cls(balance=tuple(names))
        if way == "weight" and isinstance(value, str):
            return cls(weight=value)
        number = isinstance(value, Real) and not isinstance(value, bool)
        if way == "temperature" and number and float(value) > 0:
            return cls(temperature=float(value))
        raise _refusal(given)

    def check(self, tasks: Mapping[str, Task]) -> None:
        """Refuses tasks that nothing can be balanced by.

        Raises:
            ConfigError: no such task, or one that does not choose between classes.
        """
        for name in self.balance:
            if name not in tasks:
                raise _at_fault(
                    f"sampling balances the task '{name}'.{did_you_mean(name, tasks)}", "training"
                )
            if not tasks[name].one_class:
                raise _at_fault(
                    f"sampling balances tasks of which each label is one of some classes. '{name}' "
                    f"is a {type(tasks[name]).__name__}. To draw its rows as often as you like, give "
                    "a column of numbers: sampling={'weight': column}.",
                    "training",
                )

    def times(self, table: Table, tasks: Mapping[str, Task]) -> np.ndarray:
        """How often each row is drawn in an epoch, on average: `(rows,)`, 1 in the mean.

        Args:
            table: the training rows, each with a label at least.
            tasks: fitted, by name.

        Raises:
            ConfigError: classes that cannot be balanced at once.
            DataError: no such column of weights, or a cell that is none; or weights of 0 only.
        """
        if self.weight is not None:
            weights = row_weights(table, self.weight)
            if not weights.any():
                raise DataError(
                    f"Column '{self.weight}' of {table.name}: each training row has weight 0, so "
                    "that none can be drawn."
                )
        else:
            of = {
                name: task.targets(task.column_in(name, table))
                for name, task in tasks.items()
                if not self.balance or name in self.balance
            }
            weights = (
                _balanced({name: _groups(targets) for name, targets in of.items()})
                if self.temperature is None
                else _tempered([targets.labelled for targets in of.values()], self.temperature)
            )
        return weights * (len(weights) / weights.sum())


@dataclass(frozen=True)
class _Groups:
    """Rows by their class.

    Attributes:
        of: `(rows,)`, each row's group; the last one is of the rows without a label, if there are any.
        wanted: `(groups,)`, the share that each shall have of all that is drawn.
    """

    of: np.ndarray
    wanted: np.ndarray


def _groups(targets: Targets) -> _Groups:
    labels = np.asarray(targets.values)
    classes, which = np.unique(labels[targets.labelled], return_inverse=True)
    of = np.full(len(labels), len(classes))
    of[targets.labelled] = which
    share = float(targets.labelled.mean())
    wanted = [share / len(classes)] * len(classes)
    return _Groups(of, np.array([*wanted, 1 - share] if share < 1 else wanted))


def _balanced(tasks: Mapping[str, _Groups]) -> np.ndarray:
    """Weights under which every group of every task has the share that it shall have.

    Of all such weights those that are nearest to equal ones, by iterative proportional fitting: each
    task in turn has its groups scaled, until all are right at once (W. E. Deming, F. F. Stephan, "On
    a Least Squares Adjustment of a Sampled Frequency Table When the Expected Marginal Totals are
    Known", Annals of Mathematical Statistics, 1940).
    """
    wanted = [groups.wanted for groups in tasks.values()]
    # Rows that are alike to all tasks have one weight.
    which = np.zeros(1, "int64")
    for groups in tasks.values():
        # Numbered anew for each task: the product of all their sizes may be beyond 64 bits.
        which = np.unique(which * len(groups.wanted) + groups.of, return_inverse=True)[1]
    _, first, rows = np.unique(which, return_index=True, return_counts=True)
    kind_of = [groups.of[first] for groups in tasks.values()]
    weights = np.full(len(first), 1 / len(which))
    for _ in range(_ROUNDS):
        worst = 0.0
        for of, shares in zip(kind_of, wanted, strict=True):
            found = np.bincount(of, weights * rows, minlength=len(shares))
            factor = shares / np.maximum(found, np.finfo("float64").tiny)
            worst = max(worst, float(np.abs(factor - 1).max()))
            weights = weights * factor[of]
        if worst < _NEAR:
            return weights[which]
    raise _at_fault(
        f"the classes of {' and '.join(map(repr, tasks))} cannot be drawn equally often at once: what "
        "a row is to one task settles too much of what it is to another. Balance fewer of them."
    )


def _tempered(labelled: Sequence[np.ndarray], temperature: float) -> np.ndarray:
    """Weights by tasks: one is chosen, with p proportional to n^(1/T), and one of its n rows.

    n is the number of the task's labelled rows; as T grows, all tasks come to be chosen equally often
    (C. Raffel et al., "Exploring the Limits of Transfer Learning with a Unified Text-to-Text
    Transformer", JMLR 2020; X. Wang, Y. Tsvetkov, G. Neubig, "Balancing Training for Multilingual
    Neural Machine Translation", ACL 2020). There each row is of one task; here one with labels for
    several is drawn for each of them.
    """
    counts = np.array([rows.sum() for rows in labelled], "float64")
    chosen = np.where(counts > 0, (counts / counts.max()) ** (1 / temperature), 0.0)
    each = chosen / np.maximum(counts, 1)
    return np.sum([rows * of_each for rows, of_each in zip(labelled, each, strict=True)], axis=0)


def _refusal(given: Any) -> ConfigError:
    return _at_fault(
        "sampling is {balance: TASK}, {balance: [TASK, TASK]}, {weight: COLUMN}, or {temperature: T} "
        f"with T above 0. Received: {given!r}."
    )


def _at_fault(said: str, *above: str) -> ConfigError:
    return ConfigError(f"Training: {said}", (*above, "sampling"))
