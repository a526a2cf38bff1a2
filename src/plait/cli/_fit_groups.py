"""`plait fit --group`: a run that measures how the tasks help each other, and one of their groups."""

import json
import sys
from collections.abc import Callable
from pathlib import Path

from plait.config import Config
from plait.errors import ConfigError
from plait.inference import sharing_tasks
from plait.training import (
    affinity_in_words,
    groups_by_affinity,
    measured_affinity,
)

_AUTO = 3
"""Groups at most where nobody says how many."""


def most_groups(asked: str) -> int:
    """How many groups there may be.

    Raises:
        ConfigError: it is neither "auto" nor a number of 2 or more.
    """
    if asked == "auto":
        return _AUTO
    if not asked.isdecimal() or int(asked) < 2:
        raise ConfigError(
            f"--group is auto, or how many groups there may be at most, 2 or more. Received: '{asked}'."
        )
    return int(asked)


def fit_groups(
    config: Config,
    most: int,
    run: Path | None,
    fit: Callable[[Path | None, tuple[str, ...]], Path],
) -> Path:
    """Trains with one trunk, groups the tasks by what it shows, and trains with a trunk for each group.

    Args:
        config: as it is.
        most: groups.
        run: a new folder; that of the config's name if None.
        fit: trains, in a new folder or in one of the config's name, with further settings; returns it.

    Returns:
        The folder of the run to take.

    Raises:
        ConfigError: a sharing is chosen already, or there are fewer than three tasks.
    """
    tasks = list(sharing_tasks(config.arguments["tasks"]))
    if config.arguments.get("sharing") is not None:
        raise ConfigError(
            f"{config.source.at_key(('sharing',))}: --group chooses the sharing. Leave it out of the "
            "config."
        )
    if len(tasks) < 3:
        raise ConfigError(f"--group parts three tasks or more. There is: {', '.join(tasks)}.")
    name = json.dumps(f"{config.name}-affinity")
    place = None if run is None else run.with_name(f"{run.name}-affinity")
    first = fit(place, ("training.affinity=true", f"name={name}"))
    affinity = measured_affinity(first, tasks)
    for task, line in affinity_in_words(affinity, tasks).items():
        print(
            f"a step for {task} lowers the others' losses by thousandths: {line}", file=sys.stderr
        )
    groups = groups_by_affinity(affinity, tasks, most)
    if len(groups) == 1:
        print(
            f"one trunk for all tasks: no other grouping is better. {first} is that run.",
            file=sys.stderr,
        )
        return first
    said = "; ".join(", ".join(group) for group in groups)
    print(f"{len(groups)} groups: {said}", file=sys.stderr)
    sharing = json.dumps({"TaskGroups": {"groups": groups}})
    return fit(run, (f"sharing={sharing}",))
