"""What a model gave for some rows."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from plait.inference._declaration import Declaration
from plait.table import Column, Table

_DECODED = 1 << 12
"""Rows whose answers are brought into the user's terms together."""
_DECODED_BYTES = 1 << 28
"""What these answers take in memory before, unless one batch alone takes more."""


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

    @property
    def bytes(self) -> int:
        """What they take in memory."""
        return sum(logits.nbytes for logits in self.logits.values())


def together(batches: Iterable[Answers]) -> Iterator[Answers]:
    """Batches joined as far as they are to be decoded together."""
    held: list[Answers] = []
    for answers in batches:
        rows = sum(each.rows for each in (*held, answers))
        size = sum(each.bytes for each in (*held, answers))
        if held and (rows > _DECODED or size > _DECODED_BYTES):
            yield joined(held)
            held = []
        held.append(answers)
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
