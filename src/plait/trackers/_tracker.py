"""What a tracker is told of a run."""

import importlib
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from plait.errors import ConfigError

Outcome = Literal["finished", "stopped", "failed"]


@dataclass(frozen=True)
class Begun:
    """A run that begins, or goes on.

    Attributes:
        name: of the run.
        folder: of the run, where a tracker may keep files of its own; None where it has none.
        config: the learner's arguments, as they run, in plain data.
        environment: versions, backend, seed, and the data's fingerprints.
        known_as: what the tracker called this run when it began; None for one that is new.
    """

    name: str
    folder: Path | None
    config: Mapping[str, Any]
    environment: Mapping[str, Any]
    known_as: str | None = None


class Tracker(ABC):
    """Shows the numbers of runs, one after the other.

    One that is lost on the way, as with its connection, is told so, and the run goes on without it.
    """

    @abstractmethod
    def start(self, run: Begun) -> str | None:
        """A run begins, or goes on.

        Returns:
            What finds it again when it goes on after it was killed, or None.

        Raises:
            ConfigError: the tracker's package is not installed.
        """

    @abstractmethod
    def epoch(self, number: int, numbers: Mapping[str, float]) -> None:
        """An epoch is over.

        Args:
            number: counted from 1; some come again in a run that goes on, with the same numbers.
            numbers: `loss`, `<task>_loss`, `<task>.<metric>` on the validation rows, `mean_gain`, ...
        """

    @abstractmethod
    def end(self, outcome: Outcome, best: Mapping[str, float]) -> None:
        """The run is over, or is left.

        Args:
            outcome: "stopped" goes on, perhaps, when the user says so.
            best: the numbers of the epoch that was kept, as `best.<name>`; none if it failed.
        """


def package(name: str, extra: str) -> Any:
    """A module of a package that only a tracker needs.

    Raises:
        ConfigError: it is not there; names the extra that brings it.
    """
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise ConfigError(
            f"This tracker needs the package {name.partition('.')[0]}: pip install 'plait[{extra}]'. "
            f"({error})"
        ) from error
