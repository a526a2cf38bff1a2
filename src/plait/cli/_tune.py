"""`plait tune`: the best values of what a config leaves open."""

import math
from pathlib import Path

from plait._durations import seconds_in
from plait.cli._scores_table import aligned
from plait.comparison import tune as search
from plait.errors import ConfigError

_SHOWN = 10


def tune(
    config: Path,
    *,
    data_dir: Path | None = None,
    trials: int = 20,
    budget: str | None = None,
    workers: int | None = None,
    folder: Path | None = None,
    overrides: tuple[str, ...] = (),
) -> None:
    """Searches, and prints the best runs.

    Args:
        config: a YAML file with `{search: ...}` in it.
        data_dir: what its paths are relative to, else its own folder.
        trials: how many runs, those of earlier calls included.
        budget: all the time that it may take.
        workers: runs at once.
        folder: of all that it writes, else `runs/<the config's name>-tune`.
        overrides: `KEY=VALUE` each.

    Raises:
        PlaitError: the config or the data will not do, or no run has come to its end.
        StoppedError: Ctrl-C; the same command goes on.
    """
    for name, number in (("trials", trials), ("workers", workers)):
        if number is not None and number < 1:
            raise ConfigError(f"--{name} is a whole number, 1 or more. Received: {number}.")
    seconds = None if budget is None else seconds_in(budget)
    if budget is not None and seconds is None:
        raise ConfigError(f"--budget is a time such as 90s, 30m or 2h. Received: '{budget}'.")
    place = folder or Path("runs") / f"{config.stem}-tune"
    found = search(
        config,
        data_dir or config.parent,
        place,
        trials=trials,
        minutes=None if seconds is None else seconds / 60,
        workers=workers,
        settings=overrides,
    )
    if not found.tried:
        raise ConfigError(f"No run has ended. Give --budget more than {budget}.")
    keys = list(found.tried[0].values)
    rows = [
        [
            one.name,
            "" if math.isnan(one.gain) else f"{one.gain:.4f}",
            *(_short(one.values[key]) for key in keys),
            "" if one.how == "finished" else one.how,
        ]
        for one in found.tried[:_SHOWN]
    ]
    print(aligned(["run", "mean gain", *keys, ""], rows, left=(0, len(keys) + 2)))
    if len(found.tried) > _SHOWN:
        print(f"and {len(found.tried) - _SHOWN} more, in {place / 'runs'}")
    if found.config is None:
        raise ConfigError(f"No run has come to its end. {place / 'runs'} has what each said.")
    print(found.config)


def _short(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
