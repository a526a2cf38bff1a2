"""`plait check`: what a run would meet, said before it starts."""

from pathlib import Path

from plait.cli._inspect import inspect
from plait.config import build_learner, load
from plait.errors import DataError
from plait.training import parted


def check(
    config: Path,
    *,
    data_dir: Path | None = None,
    overrides: tuple[str, ...] = (),
    every: bool = False,
) -> None:
    """Prints what the data are and what is odd about them.

    Args:
        config: a YAML file.
        data_dir: what the config's paths are relative to, else its own folder.
        overrides: `KEY=VALUE` each.
        every: open every picture and sound, not a sample.

    Raises:
        PlaitError: a run would end with an error; the message has all of them.
    """
    loaded = load(config, overrides, data_dir)
    learner = build_learner(loaded)
    targets = [task.column or name for name, task in learner.tasks.items()]
    parts = parted(loaded.data.tables(), None, loaded.arguments.get("split"), targets, loaded.root)
    report = inspect(learner, parts, every=every)
    print("\n".join(report.lines))
    for warning in report.warnings:
        print(f"warning: {warning}")
    if report.problems:
        raise DataError("\n       ".join(report.problems))
    print("Nothing stands in the way of `plait fit`.")
