"""A run that is told to its trackers from its start to its end."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from plait.errors import ConfigError, PlaitError, StoppedError
from plait.trackers import Begun, Outcome, Tracker
from plait.training._history import numbers
from plait.training._notes import tell
from plait.training._run import Run
from plait.training._run_folder import write_documents
from plait.training._selection import Epoch

_KNOWN_AS = "trackers"
_NO_RUN = "plait"


class Tracked:
    """The trackers of a run. One that fails on the way is left out from then on, and told so."""

    def __init__(self) -> None:
        self._trackers: list[Tracker] = []
        self._best: dict[str, float] = {}

    def start(
        self, trackers: Sequence[Tracker], begun: Begun, known: Sequence[str | None]
    ) -> list[str | None]:
        """Tells them that the run begins; returns what each of them calls it.

        Raises:
            ConfigError: one that cannot begin.
        """
        called: list[str | None] = []
        for tracker, known_as in zip(trackers, known, strict=True):
            try:
                called.append(tracker.start(replace(begun, known_as=known_as)))
            except PlaitError:
                raise
            except Exception as error:  # Every service has errors of its own.
                raise ConfigError(
                    f"The tracker {_name(tracker)} cannot begin: {_said(error)}"
                ) from error
            self._trackers.append(tracker)
        return called

    def epoch(self, history: Sequence[Epoch]) -> None:
        """Tells them of the last epoch, which is over."""
        done = history[-1]
        self._each(lambda tracker: tracker.epoch(done.number, _told(done)))

    def choose(self, best: Epoch) -> None:
        """Takes the epoch that the run kept, to be told at its end."""
        found = {**_told(best), "epoch": float(best.number)}
        self._best = {f"best.{name}": value for name, value in found.items()}

    def end(self, outcome: Outcome) -> None:
        """Tells them that the run is over."""
        self._each(lambda tracker: tracker.end(outcome, self._best))

    def _each(self, call: Callable[[Tracker], None]) -> None:
        for tracker in [*self._trackers]:
            try:
                call(tracker)
            except Exception as error:  # A lost connection is no reason to lose a run.
                self._trackers.remove(tracker)
                tell([f"The tracker {_name(tracker)} is told no more of this run: {_said(error)}"])


@contextmanager
def tracked(
    trackers: Sequence[Tracker], run: Run | None, documents: Mapping[str, Any]
) -> Iterator[Tracked]:
    """A block in which a run trains, around which its trackers are told of start and end.

    Args:
        trackers: may be none.
        run: that has begun; None for one without a folder.
        documents: what is known of it: `config` and `environment`.

    Raises:
        ConfigError: one cannot begin.
    """
    log = Tracked()
    try:
        if trackers:
            _start(log, trackers, run, documents)
        yield log
    except StoppedError:
        log.end("stopped")
        raise
    except BaseException:
        log.end("failed")
        raise
    log.end("finished")


def _start(
    log: Tracked, trackers: Sequence[Tracker], run: Run | None, documents: Mapping[str, Any]
) -> None:
    folder = None if run is None else run.folder
    known: list[str | None] = [None] * len(trackers)
    names = [_name(tracker) for tracker in trackers]
    if run is not None and run.resume:
        known = _known(run.folder / f"{_KNOWN_AS}.json", names)
    name = _NO_RUN if folder is None else folder.absolute().name
    before = set() if folder is None else set(folder.iterdir())
    called = log.start(
        trackers, Begun(name, folder, documents["config"], documents["environment"]), known
    )
    if run is not None and folder is not None:
        pairs = [list(pair) for pair in zip(names, called, strict=True)]
        write_documents(folder, {_KNOWN_AS: pairs})
        for path in set(folder.iterdir()) - before:
            run.owns(path)


def _known(path: Path, names: list[str]) -> list[str | None]:
    """What the same trackers called the run when it began."""
    try:
        pairs = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        pairs = []  # Killed before they were told.
    return [known for _, known in pairs] if [n for n, _ in pairs] == names else [None] * len(names)


def _told(epoch: Epoch) -> dict[str, float]:
    """What trackers make a curve of."""
    return {
        name: float(value)
        for name, value in numbers(epoch).items()
        if value is not None and name not in ("epoch", "best")
    }


def _name(tracker: Tracker) -> str:
    return type(tracker).__name__


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
