"""What becomes of an error that nobody foresaw while rows are read."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from plait.errors import PlaitError, ReadingError, rows_in_words


@contextmanager
def reading(rows: Callable[[], Sequence[int]], table: str, of: str = "") -> Iterator[None]:
    """A block that reads rows: what it raises and is not plait's own names them.

    Args:
        rows: gives the numbers of the rows in their table; called only if something is raised.
        table: its name.
        of: what the rows are of, such as a batch, if of anything.

    Raises:
        ReadingError: chained to what was raised.
    """
    try:
        yield
    except PlaitError:
        raise
    except Exception as error:
        said = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        where = f"{of}, {rows_in_words(rows(), table)}," if of else rows_in_words(rows(), table)
        raise ReadingError(f"{where[0].upper()}{where[1:]} could not be read: {said}.") from error
