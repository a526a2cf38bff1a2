"""The keys of the rows that the step is at: what a layer draws by, so that it is each row's own."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

_KEYS: ContextVar[Any] = ContextVar("row_keys", default=None)


@contextmanager
def keyed(keys: Any) -> Iterator[None]:
    """A block that runs layers on the rows of these keys, `(batch, 2)` int32, or of none: None.

    They are no input of the layers: a saved model would have to be given them, too.
    """
    before = _KEYS.set(keys)
    try:
        yield
    finally:
        _KEYS.reset(before)


def row_keys() -> Any:
    """`(batch, 2)` int32, a function of the run's seed, the epoch and the row; None outside a step."""
    return _KEYS.get()
