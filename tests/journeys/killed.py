"""`plait fit` that kills itself, as `kill -9` would, at a named point.

python -m tests.journeys.killed POINT COUNT -- fit ...
"""

import os
import signal
import sys

from plait.cli import main
from plait.inference import Predictor
from plait.model import MultiTaskModel
from plait.training._keeper import Keeper

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


if __name__ == "__main__":
    # In the background a shell has Ctrl-C ignored, and what is ignored stays so.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    arm(sys.argv[1], int(sys.argv[2]))
    sys.exit(main(sys.argv[sys.argv.index("--") + 1 :]))
