"""`plait compare`: which fusion, sharing and balancing, and whether the tasks help each other."""

from collections.abc import Mapping
from pathlib import Path

from plait._durations import seconds_in
from plait.cli._scores_table import aligned
from plait.comparison import LEFT, Question, ask, head, lines
from plait.errors import ConfigError

_AGAINST = ("single", "none")


def compare(
    config: Path,
    *,
    data_dir: Path | None = None,
    asked: Mapping[str, str],
    against: str | None = None,
    seeds: int | None = None,
    budget: str | None = None,
    workers: int | None = None,
    quick: bool = False,
    prune: bool = True,
    folder: Path | None = None,
    overrides: tuple[str, ...] = (),
) -> None:
    """Compares, and prints the answer.

    Args:
        config: a YAML file.
        data_dir: what its paths are relative to, else its own folder.
        asked: for each section that is compared, classes with commas between.
        against: "single" for each task alone, too; that, too, if nothing else is asked.
        seeds: how many; three, or one of a quick look, if None.
        budget: all the time that it may take.
        workers: runs at once.
        quick: a sample of the rows, and few epochs.
        prune: whether candidates without prospect are stopped.
        folder: of all that it writes, else `runs/<the config's name>-compare`.
        overrides: `KEY=VALUE` each.

    Raises:
        PlaitError: the config, a candidate or the data will not do.
        StoppedError: Ctrl-C; the same command goes on.
    """
    if against is not None and against not in _AGAINST:
        raise ConfigError(f"--against is {' or '.join(_AGAINST)}. Received: '{against}'.")
    for name, number in (("seeds", seeds), ("workers", workers)):
        if number is not None and number < 1:
            raise ConfigError(f"--{name} is a whole number, 1 or more. Received: {number}.")
    minutes = None
    if budget is not None:
        seconds = seconds_in(budget)
        if seconds is None:
            raise ConfigError(f"--budget is a time such as 90s, 30m or 2h. Received: '{budget}'.")
        minutes = seconds / 60
    question = Question(
        config,
        data_dir or config.parent,
        asked,
        alone=against == "single" or (against is None and not asked),
        seeds=seeds or (1 if quick else 3),
        minutes=minutes,
        workers=workers,
        quick=quick,
        prune=prune,
        settings=overrides,
    )
    name = f"{config.stem}-compare{'-quick' if quick else ''}"
    place = folder or Path("runs") / name
    answer = ask(question, place)
    print(aligned(head(answer), lines(answer), left=LEFT))
    print(answer.advice)
    print(place / "index.html")
