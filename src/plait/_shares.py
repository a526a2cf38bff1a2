"""What a layer that mixes took of each of its parts, told to whoever listens while it runs."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from keras import ops

EVERY_TASK = "every task"


@dataclass(frozen=True)
class Shares:
    """Of one call of a layer.

    Attributes:
        gate: what mixes, as tables have it.
        parts: the names of what is mixed.
        values: `(rows, parts)` float32, of what counts in a row the mean over its tokens; one row where
            it is the same for all.
        task: whose mixture it is; None for that of the task that is looked at, `EVERY_TASK` for one
            that is the same whichever is.
    """

    gate: str
    parts: tuple[str, ...]
    values: np.ndarray
    task: str | None = None

    def of_rows(self, count: int) -> "Shares":
        """The first rows alone, the others being padding."""
        return replace(self, values=self.values[:count])


_TOLD: ContextVar[list[Shares] | None] = ContextVar("shares", default=None)


@contextmanager
def listening() -> Iterator[list[Shares]]:
    """A block in which layers, called one by one and not compiled, tell what they take."""
    told: list[Shares] = []
    before = _TOLD.set(told)
    try:
        yield told
    finally:
        _TOLD.reset(before)


def tell_shares(
    gate: str, parts: Sequence[str], values: Any, mask: Any = None, task: str | None = None
) -> None:
    """Tells, if anybody listens; costs nothing in a compiled program.

    Args:
        gate: what mixes; see `Shares`.
        parts: what is mixed.
        values: `(rows, parts)` or `(rows, tokens, parts)`.
        mask: `(rows, tokens)` bool, which tokens count; all if None.
        task: whose mixture it is.
    """
    told = _TOLD.get()
    if told is None:
        return
    shares = ops.convert_to_numpy(ops.cast(values, "float32"))
    if shares.ndim == 3:
        counts = np.ones(shares.shape[:2], bool)
        if mask is not None:
            counts = counts & ops.convert_to_numpy(mask)
        weights = counts / np.maximum(counts.sum(1, keepdims=True), 1)
        shares = (shares * weights[..., None]).sum(1)
    told.append(Shares(gate, tuple(parts), shares, task))


def numbered(noun: str, count: int) -> list[str]:
    """`noun 1`, `noun 2`, ..."""
    return [f"{noun} {number + 1}" for number in range(count)]
