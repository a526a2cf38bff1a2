"""Ctrl-C and SIGTERM: the step that is under way ends, a checkpoint is written, the run stops."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

_STOPPING = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def handled(stop: Callable[[int, Any], None] | None) -> Iterator[None]:
    """A block in which the first of the signals calls `stop`; a second one ends the process.

    Outside of the main thread, where Python hands out no signals, and without `stop`, it does
    nothing.
    """
    if stop is None or threading.current_thread() is not threading.main_thread():
        yield
        return
    # One that is ignored stays so, as `nohup` wants it; None is not Python's, and cannot be put back.
    before = {
        number: handler
        for number in _STOPPING
        if (handler := signal.getsignal(number)) not in (None, signal.SIG_IGN)
    }

    def once(number: int, frame: Any) -> None:
        signal.signal(number, before[signal.Signals(number)])
        stop(number, frame)

    for number in before:
        signal.signal(number, once)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
