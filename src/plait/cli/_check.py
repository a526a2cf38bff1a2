"""`plait check`: what a run would meet, said before it starts."""

import time
from dataclasses import replace
from pathlib import Path

from plait.cli._foreseen import foreseen
from plait.cli._in_config import in_config
from plait.cli._inspect import inspect
from plait.config import build_learner, load
from plait.errors import DataError
from plait.training import RUNS, parted


def check(
    config: Path,
    *,
    data_dir: Path | None = None,
    overrides: tuple[str, ...] = (),
    every: bool = False,
    quick: bool = False,
) -> None:
    """Prints what the data are, what is odd about them, and what a run will take.

    Args:
        config: a YAML file.
        data_dir: what the config's paths are relative to, else its own folder.
        overrides: `KEY=VALUE` each.
        every: open every picture and sound, not a sample.
        quick: take no steps, and say nothing of what a run will take.

    Raises:
        PlaitError: a run would end with an error; the message has all of them.
    """
    # What loading plait took: this process has done nothing else so far.
    loading = time.process_time()
    loaded = load(config, overrides, data_dir)
    learner = build_learner(loaded)
    targets = [column for name, task in learner.tasks.items() for column in task.columns(name)]
    # Without a name: what is estimated below is a process that holds the tables once.
    report = inspect(
        learner,
        parted(loaded.data.tables(), None, learner.split, targets, loaded.root, learner.windows),
        every=every,
    )
    print("\n".join(report.lines))
    for warning in report.warnings:
        print(f"warning: {in_config(warning)}")
    if report.problems:
        raise DataError("\n       ".join(report.problems))
    if quick:
        print("Nothing of the data that was looked at stands in the way of `plait fit`.")
        return
    found = learner.estimate(loaded.data.tables(), root=loaded.root)
    found = replace(found, start=found.start + loading)
    lines, lacks = foreseen(found, RUNS.absolute().parent)
    print("\n".join([*lines, *(f"warning: {lack}" for lack in lacks)]))
    if lacks:
        print("`plait fit` would begin, and by these estimates stop before its end.")
    else:
        print("Nothing that was looked at stands in the way of `plait fit`.")
