"""Which rows train, which choose, which test: by a column, at random, whole groups, or in time."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from plait._names import did_you_mean
from plait.errors import ConfigError, DataError
from plait.table._codes import Codes, is_comparable
from plait.table._column import Column
from plait.table._parts import Parts, dealt, shuffled, spread, whole
from plait.table._table import Table
from plait.table._times import cut_in_time

PARTS = ("train", "validation", "test")
_NAMES = {
    "train": "train",
    "training": "train",
    "valid": "validation",
    "validation": "validation",
    "val": "validation",
    "dev": "validation",
    "test": "test",
}
_MOST_FOLDS = 100
_MOST_STRATA = 50
"""A target with more distinct values than this is no class to stratify by."""


@dataclass(frozen=True, kw_only=True)
class Split:
    """How a table is parted into training, validation and test rows.

    Args:
        column: a column that says each row's part (train, validation, test and their usual short
            forms).
        by: a column whose equal values stay in one part: a customer, an actor, a product.
        after: a column to cut by. A name alone puts the oldest rows into training and the newest
            into the test part, by `fractions`; `{column: value}` puts rows from `value` on into the
            test part, `{column: [v, t]}` those from `v` to `t` into validation. Equal times stay in
            one part; a time without a zone is taken as UTC.
        fractions: the shares of training, validation and test rows.
        stratify: a column whose values shall be spread evenly; the first target of few classes if
            None. A missing value is a class of its own; classes of fewer than three rows fall where
            they fall.
        seed: of the random choices; the same parts on every machine.

    Raises:
        ConfigError: two ways to split at once, or fractions that do not add up to 1.
    """

    column: str | None = None
    by: str | None = None
    after: str | Mapping[str, Any] | None = None
    fractions: tuple[float, float, float] = (0.8, 0.1, 0.1)
    stratify: str | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        ways = [n for n in ("column", "by", "after") if getattr(self, n) is not None]
        if len(ways) > 1:
            raise ConfigError(f"Split: choose one of column, by and after. Received: {ways}")
        fractions = tuple(self.fractions)
        if len(fractions) != 3 or min(fractions) < 0 or abs(sum(fractions) - 1) > 1e-6:
            raise ConfigError(
                "Split: fractions are three shares (training, validation, test) that add up to 1. "
                f"Received: {list(fractions)}"
            )
        if fractions[0] == 0:
            raise ConfigError("Split: the training share must be above 0.")
        if isinstance(self.after, Mapping) and len(self.after) != 1:
            raise ConfigError(f"Split: after names one column. Received: {list(self.after)}")

    @property
    def columns(self) -> list[str]:
        """The columns that the split reads."""
        after = next(iter(self.after)) if isinstance(self.after, Mapping) else self.after
        return [c for c in (self.column, self.by, after, self.stratify) if c is not None]

    def parts(self, table: Table, targets: Sequence[str] = ()) -> Parts:
        """The rows of each part.

        Args:
            table: all rows.
            targets: the tasks' columns, for stratification.

        Raises:
            DataError: a column that is not there, an unknown part's name, or values that cannot be
                ordered.
        """
        if self.column is not None:
            return _by_column(table.column(self.column))
        if self.after is not None:
            name = self.after if isinstance(self.after, str) else next(iter(self.after))
            cuts = self.after[name] if isinstance(self.after, Mapping) else None
            return cut_in_time(table.column(name), cuts, self.fractions)
        if self.by is not None:
            group = Codes.of(table.column(self.by)).with_empty_apart()
            return whole(group, self.fractions, self.seed)
        return spread(_strata(table, self.stratify, targets), self.fractions, self.seed)


def folds(
    table: Table,
    spec: int | str,
    targets: Sequence[str] = (),
    seed: int = 0,
    by: str | None = None,
    validation: float = 0.1,
) -> Iterator[tuple[str, Parts]]:
    """Each fold's name and its parts: the fold is the test part, the rest trains.

    Args:
        table: all rows.
        spec: how many folds, or a column whose values name them; a row that names none is in no
            test part.
        targets: the tasks' columns, for stratification.
        seed: of the random choices.
        by: a column whose equal values stay in one part, as in `Split`.
        validation: the share of the rest that chooses.

    Raises:
        ConfigError: fewer than two folds, or more than rows, or than values of `by`; a column with
            more than 100 values.
        DataError: no such column.
    """
    group = None if by is None else Codes.of(table.column(by)).with_empty_apart()
    strata = _strata(table, None, targets)
    if isinstance(spec, str):
        said = Codes.of(table.column(spec))
        code = said.places
        names = [str(v) for v in said.values.to_pylist()]
        if len(names) > _MOST_FOLDS:
            raise ConfigError(
                f"folds: the column '{spec}' has {len(names)} values, and each would be a fold that "
                f"trains a model of its own. At most {_MOST_FOLDS} are taken from a column; for K "
                "folds of random rows, give the number K."
            )
    else:
        most = table.num_rows if group is None else len(np.unique(group))
        if not 2 <= spec <= most:
            of = "rows" if by is None else f"distinct values of '{by}'"
            raise ConfigError(f"folds: expected 2 to {most} (the {of}). Received: {spec}.")
        if group is None:
            code = np.empty(table.num_rows, "int64")
            code[shuffled(strata, seed)] = np.arange(table.num_rows) % spec
        else:
            code = dealt(group, [1 / spec] * spec, seed)
        names = [str(n) for n in range(spec)]
    if len(names) < 2:
        raise ConfigError(
            f"folds: the column '{spec}' has one value only, and two folds are needed."
        )
    fractions = (1 - validation, validation, 0.0)
    for place in sorted(range(len(names)), key=lambda n: _natural(names[n])):
        test = np.flatnonzero(code == place)
        rest = np.flatnonzero(code != place)
        inner = (
            spread(strata[rest], fractions, seed)
            if group is None
            else whole(group[rest], fractions, seed)
        )
        yield names[place], Parts(rest[inner.train], rest[inner.validation], test)


def _by_column(column: Column) -> Parts:
    said = Codes.of(column)
    named = [_NAMES.get(str(value).strip().lower()) for value in said.values.to_pylist()]
    # The last is that of an empty cell.
    part = np.array([*(PARTS.index(name) if name else -1 for name in named), -1])[said.places]
    wrong = np.flatnonzero(part < 0)
    if len(wrong):
        value = column.cell(wrong[0])
        value = value and str(value).strip()
        raise DataError(
            f"{column.where(wrong[0])}: the split is train, validation or test. "
            f"Received: {value!r}.{did_you_mean(value, _NAMES) if value else ''}"
        )
    rows = Parts(*(np.flatnonzero(part == n) for n in range(len(PARTS))))
    if not len(rows.train):
        raise DataError(f"{column.source}: no row of column '{column.name}' says train.")
    return rows


def _strata(table: Table, stratify: str | None, targets: Sequence[str]) -> np.ndarray:
    if stratify is not None:
        return Codes.of(table.column(stratify)).with_empty_last()
    most = min(_MOST_STRATA, max(2, table.num_rows // 3))
    for name in targets:
        if name in table and is_comparable(table.column(name).type):
            found = Codes.of_few(table.column(name), most)
            if found is not None:
                return found.with_empty_last()
    return np.zeros(table.num_rows, "int64")


def _natural(name: str) -> list[Any]:
    return [(0, int(t), "") if t.isdigit() else (1, 0, t) for t in re.split(r"(\d+)", name) if t]
