"""Work that is done in threads before it is asked for, in an order that is known."""

import threading
from collections.abc import Callable, Hashable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Made = TypeVar("Made")


class ReadAhead(Generic[Key, Made]):
    """What a function of a key gives, for keys that come in a known order.

    What it gives does not depend on what was read ahead: only when it is there does.

    Args:
        make: safe in several threads at once.
        workers: threads; with 0 everything is made when it is asked for.
        ahead: how many keys are made before they are asked for.

    Attributes:
        failed: what `make` raised for the key that was asked for last; None if it made it.
    """

    def __init__(self, make: Callable[[Key], Made], workers: int, ahead: int) -> None:
        self._make = make
        self._ahead = ahead
        self._lock = threading.Lock()
        self._begun: dict[Key, Future[Made]] = {}
        self._workers = workers
        self._pool: ThreadPoolExecutor | None = None
        self.failed: Exception | None = None

    def get(self, key: Key, following: Iterable[Key]) -> Made:
        """What `make` gives for a key, which has begun if it was among those that followed before.

        Args:
            key: of what is wanted.
            following: the keys that will be asked for next, in their order.

        Raises:
            Exception: whatever `make` raises, for this key.
        """
        self.failed = None
        try:
            return self._got(key, following)
        except Exception as error:
            self.failed = error
            raise

    def _got(self, key: Key, following: Iterable[Key]) -> Made:
        if not self._workers:
            return self._make(key)
        with self._lock:
            if self._pool is None:
                self._pool = ThreadPoolExecutor(self._workers, thread_name_prefix="plait-read")
            wanted = [key, *(k for _, k in zip(range(self._ahead), following, strict=False))]
            # What was read ahead for somebody who has gone elsewhere since.
            for other in self._begun.keys() - set(wanted):
                self._begun.pop(other).cancel()
            for each in wanted:
                if each not in self._begun:
                    self._begun[each] = self._pool.submit(self._make, each)
            found = self._begun.pop(key)
        return found.result()

    def close(self) -> None:
        """Makes nothing more but what is asked for from now on, and lets its threads end."""
        with self._lock:
            self._begun.clear()
            if self._pool is not None:
                self._pool.shutdown(wait=False, cancel_futures=True)
            self._pool = None
