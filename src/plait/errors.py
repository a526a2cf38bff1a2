"""What can go wrong, each with a message that says where, what was expected and the way out."""


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


class DivergedError(PlaitError):
    """A loss that is not finite; the message names the task, the step and the last good weights.

    Args:
        what: which loss, and when.
        way_out: what there is to go on from, and what to change.
    """

    def __init__(self, what: str, way_out: str = "") -> None:
        super().__init__(f"{what} {way_out}".strip())
        self.what = what


class StoppedError(PlaitError):
    """A run that was asked to stop, by Ctrl-C or SIGTERM, and has written a checkpoint.

    Args:
        signal: the number of the signal.
        written: whether there was room for the checkpoint; without, the one before is the last.
        way_out: how it goes on.
    """

    def __init__(self, signal: int, written: bool = True, way_out: str = "") -> None:
        lost = (
            "" if written else " The disk is full, so what came after the last checkpoint is lost."
        )
        super().__init__(f"Stopped by signal {signal}.{lost} {way_out}".strip())
        self.signal = signal
        self.written = written
