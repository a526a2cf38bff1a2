"""Whether the rows of a table can be mixed."""

from collections.abc import Mapping

from plait.errors import ConfigError
from plait.features import Feature
from plait.objectives import Objective
from plait.tasks import Matching, Task


def check_mixes(
    features: Mapping[str, Feature],
    tasks: Mapping[str, Task],
    objectives: Mapping[str, Objective],
) -> None:
    """Refuses what a mixture of two rows would make untrue.

    Raises:
        ConfigError: names a feature whose cells have no mixture, a task whose loss is of several rows
            at once, or an objective.
    """
    for name, feature in features.items():
        if not feature.mixes:
            raise ConfigError(
                f"Training: mixup mixes the cells of two rows, and between two of '{name}', a "
                f"{type(feature).__name__}, there is none. Leave mixup out, or that feature.",
                ("training", "mixup"),
            )
    for name, task in tasks.items():
        if isinstance(task, Matching):
            raise ConfigError(
                f"Training: mixup mixes rows, and the task '{name}' is to tell them apart. Leave mixup "
                "out.",
                ("training", "mixup"),
            )
    for name, objective in objectives.items():
        raise ConfigError(
            f"Training: mixup mixes rows, and {type(objective).__name__}, the objective '{name}', is "
            "of rows as they are. Leave mixup out.",
            ("training", "mixup"),
        )
