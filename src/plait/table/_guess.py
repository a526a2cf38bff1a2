"""What a column seems to be."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Guess:
    """What a column seems to be.

    Attributes:
        column: its name.
        feature: the class of feature that would read it, or None to leave it out.
        arguments: that class' arguments.
        reason: why, in a sentence.
        task: the class of task that could answer it, or None.
        names_rows: whether it only tells which row it is; some cells may be empty.
        target_score: how much it looks like something to predict, 0 and more.
        constant: whether all its cells say the same.
    """

    column: str
    feature: str | None
    reason: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    task: str | None = None
    names_rows: bool = False
    target_score: float = 0.0
    constant: bool = False


def row_name(column: str) -> Guess:
    """That every cell is different and says nothing but which row it is in."""
    return Guess(column, None, "it names the row: every value is different", names_rows=True)
