"""`plait fit` that kills itself, as `kill -9` would, at a named point.

python -m tests.journeys.killed POINT COUNT -- fit ...
"""

import os
import signal
import sys
from pathlib import Path

from plait.cli import main
from plait.inference import Predictor
from plait.model import MultiTaskModel


def after(count, function):
    """The function, of which the `count`-th call is the end."""
    calls = iter(range(1, 1 << 30))

    def called(*given, **named):
        if next(calls) == count:
            os.kill(os.getpid(), signal.SIGKILL)
        return function(*given, **named)

    return called


def arm(point, count):
    if point == "renaming":
        rename = os.replace

        def replace(old, new):
            (counted if Path(new).suffix == ".checkpoint" else rename)(old, new)

        counted = after(count, rename)
        os.replace = replace
    elif point == "compiling":
        MultiTaskModel.train_on_data = after(count, MultiTaskModel.train_on_data)
    elif point == "evaluating":
        Predictor.answers = after(count, Predictor.answers)
    elif point == "stepping":
        from plait.training._keeper import Keeper

        Keeper.after_step = after(count, Keeper.after_step)


if __name__ == "__main__":
    arm(sys.argv[1], int(sys.argv[2]))
    sys.exit(main(sys.argv[sys.argv.index("--") + 1 :]))
