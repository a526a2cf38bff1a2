"""How busy a GPU was."""

import statistics
import threading
import time


class Busy:
    """Asks the first NVIDIA GPU twenty times a second, while a block runs, whether it is busy.

    The driver tells the share of the last sixth of a second or so in which some kernel ran. Where
    there is no such GPU, or no `pynvml` to ask it with, there are no answers.
    """

    def __init__(self):
        self.answers = []
        self._over = threading.Event()
        self._thread = None

    def __enter__(self):
        try:
            import pynvml

            pynvml.nvmlInit()
            gpu = pynvml.nvmlDeviceGetHandleByIndex(0)
        except Exception:
            return self

        def ask():
            while not self._over.wait(0.05):
                busy = pynvml.nvmlDeviceGetUtilizationRates(gpu).gpu
                self.answers.append((time.monotonic(), busy / 100))

        self._thread = threading.Thread(target=ask, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._over.set()
        if self._thread is not None:
            self._thread.join()

    def between(self, began, ended):
        """The mean over a stretch of `time.monotonic()`, or None."""
        inside = [busy for at, busy in self.answers if began <= at <= ended]
        return statistics.mean(inside) if inside else None


def device():
    """The name of the first NVIDIA GPU, or None."""
    try:
        import pynvml

        pynvml.nvmlInit()
        return pynvml.nvmlDeviceGetName(pynvml.nvmlDeviceGetHandleByIndex(0))
    except Exception:
        return None
