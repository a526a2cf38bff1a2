"""What a model gave for some rows."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from plait.inference._declaration import Declaration
from plait.table import Column, Table


@dataclass(frozen=True)
class Answers:
    """What the model gave for some rows.

    Attributes:
        logits: `{task: (rows, *answer)}`, or what the task's `answer_layer` made of them.
        presence: `{feature: (rows,)}` bool.
    """

    logits: dict[str, np.ndarray]
    presence: dict[str, np.ndarray]

    @property
    def rows(self) -> int:
        """How many rows they are of."""
        return len(next(iter(self.logits.values())))


def together(batches: Iterable[Answers], rows: int) -> Iterator[Answers]:
    """Answers of so many rows or a batch more."""
    held: list[Answers] = []
    for answers in batches:
        held.append(answers)
        if sum(each.rows for each in held) >= rows:
            yield joined(held)
            held = []
    if held:
        yield joined(held)


def joined(parts: Sequence[Answers]) -> Answers:
    """The answers of all parts, one below the other."""
    first = parts[0]
    return Answers(
        {task: np.concatenate([part.logits[task] for part in parts]) for task in first.logits},
        {name: np.concatenate([part.presence[name] for part in parts]) for name in first.presence},
    )


def keys_of(declaration: Declaration, table: Table, key: str | None) -> list[Column]:
    """What names the rows of a table, and is carried through beside what is answered.

    Args:
        declaration: of the model.
        table: as the model is asked about it.
        key: a column; the one the model was trained with if None and there.

    Raises:
        DataError: the table has no column `key`.
    """
    if key is None and declaration.key is not None and declaration.key in table:
        key = declaration.key
    if key is not None:
        return [table.column(key)]
    if declaration.windows is None:
        return []
    return [table.column(name) for name in declaration.windows.names if name in table]
