"""What can go wrong, each with a message that says where, what was expected and the way out."""

from collections.abc import Sequence
from dataclasses import dataclass


class PlaitError(ValueError):
    """The root of plait's own errors.

    The command line prints the message without a traceback and exits with code 2.
    """


class DataError(PlaitError):
    """Something in the user's table or media files; the message names file, row and column."""


class ConfigError(PlaitError):
    """Something in a configuration or a constructor's arguments; names the key, line and column.

    Args:
        message: what went wrong.
        at: the arguments that lead to it, from the constructor on, such as `("tasks", "price")`;
            a config that spelt them finds line and column by these.
    """

    def __init__(self, message: str, at: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.at = at


class ModelFileError(PlaitError):
    """A saved model or a run that is cut short, crafted, or from a newer version."""


class BalancingError(PlaitError):
    """A balancer whose needs the model, the loss or the batch cannot meet."""


_NAMED = 8
"""So many rows a message names."""


def rows_in_words(rows: Sequence[int], of: str, count: int | None = None) -> str:
    """The first of some rows, such as `rows 3, 17 and 2 more of shop.csv`.

    Args:
        rows: numbers.
        of: what the rows are of, such as a table's name.
        count: of all of them, if `rows` are some.
    """
    count, named = max(count or 0, len(rows)), rows[:_NAMED]
    more = f" and {count - len(named)} more" if count > len(named) else ""
    noun = "row" if count == 1 else "rows"
    return f"{noun} {', '.join(map(str, named))}{more} of {of}"


@dataclass(frozen=True)
class BadLoss:
    """The first loss of an epoch that was no number.

    Attributes:
        task: None for the losses that layers and regularisers add.
        step: of the optimizer, from 0.
        epoch: from 0.
        batch: of the epoch, from 0.
        places: the first rows of the batch that have such a loss, from 0; none where the loss of no
            row alone is one, or that is not known.
        count: how many rows of the batch have one.
    """

    task: str | None
    step: int
    epoch: int
    batch: int
    places: tuple[int, ...]
    count: int

    def where(self, rows: Sequence[int], of: str) -> str:
        """The batch and rows, as a sentence.

        Args:
            rows: the numbers, in `of`, of the rows in `places`.
            of: what the rows are of, such as a table's name.
        """
        batch = f"That was batch {self.batch + 1} of epoch {self.epoch + 1}"
        if not rows:
            return f"{batch}."
        return f"{batch}, in {rows_in_words(rows, of, self.count)}."


class DivergedError(PlaitError):
    """A loss that is not finite; the message names the task, the step and the last good weights.

    Args:
        what: which loss, and when.
        way_out: where it was, what there is to go on from, and what to change.
        bad: the loss; None where only the weights tell of it.
    """

    def __init__(self, what: str, way_out: str = "", bad: BadLoss | None = None) -> None:
        super().__init__(f"{what} {way_out}".strip())
        self.what = what
        self.bad = bad


class ReadingError(PlaitError):
    """Rows that could not be read, by no fault of theirs that is known, such as for want of memory.

    Args:
        what: which rows, and what was raised.
        way_out: how a run goes on.
    """

    def __init__(self, what: str, way_out: str = "") -> None:
        super().__init__(f"{what} {way_out}".strip())
        self.what = what


class StoppedError(PlaitError):
    """A run that was stopped, by Ctrl-C, SIGTERM or `max_memory`, and has written a checkpoint.

    Args:
        signal: the number of the signal; None where it was none.
        written: whether there was room for the checkpoint; without, the one before is the last.
        way_out: how it goes on.
        what: what stopped it, as a sentence; the signal if None.
    """

    def __init__(
        self,
        signal: int | None,
        written: bool = True,
        way_out: str = "",
        what: str | None = None,
    ) -> None:
        lost = (
            "" if written else " The disk is full, so what came after the last checkpoint is lost."
        )
        self.what = what or f"Stopped by signal {signal}."
        super().__init__(f"{self.what}{lost} {way_out}".strip())
        self.signal = signal
        self.written = written
