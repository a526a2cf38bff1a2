"""`plait fit` that kills itself, as `kill -9` would, at a named point.

python -m tests.journeys.killed POINT COUNT -- fit ...

`Run` is one that is forked from a process which has imported everything, so that it begins at once.
"""

import multiprocessing
import os
import signal
import sys
from pathlib import Path

from plait.cli import main
from plait.inference import Predictor
from plait.model import MultiTaskModel
from plait.training._keeper import Keeper

NEVER = ("never", 1)
RENAMED = {
    "renaming": ".checkpoint",
    "describing": "environment.json",
    "recording": "history.parquet",
    "finishing": "model.plait",
}
"""What is whole beside its place, and is not there yet."""


def after(count, function):
    """The function, of which the `count`-th call is the end."""
    calls = iter(range(1, 1 << 30))

    def called(*given, **named):
        if next(calls) == count:
            os.kill(os.getpid(), signal.SIGKILL)
        return function(*given, **named)

    return called


def arm(point, count):
    if point in RENAMED:
        rename = os.replace

        def replace(old, new):
            (counted if str(new).endswith(RENAMED[point]) else rename)(old, new)

        counted = after(count, rename)
        os.replace = replace
    elif point == "compiling":
        MultiTaskModel.train_on_data = after(count, MultiTaskModel.train_on_data)
    elif point == "evaluating":
        Predictor.answers = after(count, Predictor.answers)
    elif point == "stepping":
        Keeper.before_step = after(count, Keeper.before_step)


FORKS = multiprocessing.get_context("forkserver")
# What a command imports when it needs it. Nothing of JAX has begun by then that a fork would break.
FORKS.set_forkserver_preload([__name__, "plait.cli._app", "plait.config", "plait.learner"])


class Run:
    """A command in a process of its own, with what it says in files."""

    def __init__(self, folder, words, killed=NEVER):
        self.said = [
            Path(folder) / f".said-{os.urandom(4).hex()}.{kind}" for kind in ("out", "err")
        ]
        given = (str(folder), [str(word) for word in words], killed, self.said)
        self.process = FORKS.Process(target=_fork, args=given, daemon=True)
        self.process.start()

    @property
    def pid(self):
        return self.process.pid

    @property
    def is_over(self):
        return not self.process.is_alive()

    def send(self, number):
        os.kill(self.pid, number)

    def ended(self, timeout=300):
        """Its code, and what it said, once it is over."""
        self.process.join(timeout)
        assert self.is_over, self.said[1].read_text()
        return self.process.exitcode, *(path.read_text() for path in self.said)


def _fork(folder, words, killed, said):
    os.chdir(folder)
    for stream, path in zip((1, 2), said, strict=True):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT), stream)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    arm(*killed)
    sys.exit(main(words))


if __name__ == "__main__":
    # In the background a shell has Ctrl-C ignored, and what is ignored stays so.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    arm(sys.argv[1], int(sys.argv[2]))
    sys.exit(main(sys.argv[sys.argv.index("--") + 1 :]))
