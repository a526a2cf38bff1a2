"""Training stops where it takes more memory than it may, before the system kills it."""

from plait.errors import PlaitError
from plait.training._bytes import bytes_in_words, read_bytes
from plait.training._memory import demand_told, forget_most, most_in_use


class MemoryLimit:
    """Looks after each step at the most that was taken, which the step itself may have taken.

    Args:
        given: such as "4GB".
    """

    def __init__(self, given: str) -> None:
        demand_told("max_memory", ("max_memory",))
        self.given = given
        # A device may know of more from before, such as a larger batch that was tried.
        self._most = max(read_bytes("max_memory", given), forget_most())

    def passed(self) -> str | None:
        """Sentences about it, where more was taken."""
        taken = most_in_use()
        if taken <= self._most:
            return None
        return (
            f"Training took {bytes_in_words(taken)} of memory, more than max_memory={self.given}. "
            "If it does so again, give it more, or begin anew with batch_size: auto, or with smaller "
            "encoders if it had that."
        )

    def demand(self) -> None:
        """Ends a run that has no checkpoints.

        Raises:
            PlaitError: more was taken.
        """
        if what := self.passed():
            raise PlaitError(what)
