"""Runs of `plait fit` in processes of their own, and what came of each."""

import ctypes
import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pyarrow.parquet as pq

from plait._beside import written_beside

EPOCHS = "epochs.jsonl"
_FIT = "import sys; from plait.cli import main; sys.exit(main(sys.argv[1:]))"
_REFUSED = 2
_MODEL = "model.plait"

How = Literal["finished", "stopped", "refused", "failed"]


@dataclass(frozen=True)
class Job:
    """One run.

    Attributes:
        name: of its folder.
        arguments: of `plait fit`, beside its folder and how it goes on.
    """

    name: str
    arguments: tuple[str, ...]


@dataclass(frozen=True)
class Ended:
    """How a run ended.

    Attributes:
        how: "stopped" is one that had no prospect; "refused" one that cannot be made so.
        said: why it was refused, or failed.
        scores: `{task: {metric: value}}` on the validation rows, in the epoch that was kept.
        gains: of the tasks, likewise.
        gain: their mean; of a run that was stopped the best until then; NaN for none.
        epochs: how many there were.
        seconds: that they took together.
        megabytes: of the saved model.
    """

    how: How
    said: str = ""
    scores: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    gains: Mapping[str, float] = field(default_factory=dict)
    gain: float = float("nan")
    epochs: int = 0
    seconds: float = 0.0
    megabytes: float = 0.0


class Child:
    """A run that is under way.

    Args:
        job: what runs.
        folder: where all runs are.
        cores: that it may use.
    """

    def __init__(self, job: Job, folder: Path, cores: Sequence[int]) -> None:
        self.job = job
        self.run = folder / job.name
        self.stopping = False
        self._log = folder / f"{job.name}.log"
        self._read = 0
        self._told = 0
        self._cores = cores
        place = ["--resume" if _began(self.run) else "--run", str(self.run)]
        # What it began with is in the run.
        given = _resumed(job.arguments) if _began(self.run) else job.arguments
        folder.mkdir(parents=True, exist_ok=True)
        with self._log.open("w", encoding="utf-8") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-c", _FIT, "fit", *given, *place, "--quiet"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                # Ctrl-C reaches the parent alone, which stops its runs.
                start_new_session=True,
                preexec_fn=self._prepare,  # noqa: PLW1509
            )

    def epochs(self) -> list[dict[str, Any]]:
        """Those that have ended since it was last asked; with those of before if it goes on."""
        found = []
        with suppress(FileNotFoundError), (self.run / EPOCHS).open("rb") as file:
            file.seek(self._read)
            for line in file:
                if not line.endswith(b"\n"):
                    break
                self._read += len(line)
                one = json.loads(line)
                # Some come again where a run goes on.
                if one["epoch"] > self._told:
                    self._told = one["epoch"]
                    found.append(one)
        return found

    @property
    def is_over(self) -> bool:
        """Whether the process has ended."""
        return self._process.poll() is not None

    def stop(self) -> None:
        """Asks it to write a checkpoint and end."""
        self.stopping = True
        with suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGTERM)

    def wait(self) -> None:
        """Until it has ended."""
        self._process.wait()

    def ended(self) -> Ended:
        """How it ended."""
        if (done := result(self.run)) is not None:
            return done
        if self.stopping:
            return _so_far(self.run)
        said = self._log.read_text(encoding="utf-8", errors="replace").strip()
        if self._process.returncode == _REFUSED:
            lines = [line for line in said.splitlines() if line.startswith("plait: ")]
            reasons = [line for line in lines if not line.startswith("plait: warning")]
            return Ended("refused", (reasons or lines or [said])[-1].removeprefix("plait: "))
        return Ended("failed", said[-2000:])

    def _prepare(self) -> None:
        """In the child, before it is a run: its cores, and that it stops if the parent is killed."""
        if hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(0, self._cores)
        if sys.platform == "linux":
            ctypes.CDLL(None).prctl(1, signal.SIGTERM)


def fit_arguments(
    config: Path, place: Path, seed: int, settings: Sequence[str], without: Sequence[str] = ()
) -> tuple[str, ...]:
    """Of `plait fit` for a run that can be watched.

    Args:
        config: the file.
        place: what its paths are relative to.
        seed: of the run.
        settings: `KEY=VALUE` each.
        without: tasks and objectives to leave out.
    """
    pairs = [("--data", str(place)), ("--seed", str(seed))]
    pairs += [("--without", other) for other in without]
    pairs += [("--set", setting) for setting in settings]
    return (str(config), *(word for pair in pairs for word in pair))


def result(run: Path) -> Ended | None:
    """What came of a run that has finished; None of any other."""
    if not (run / _MODEL).is_file():
        return None
    said = json.loads((run / "metrics.json").read_text(encoding="utf-8"))
    seconds = pq.read_table(run / "history.parquet", columns=["seconds"])["seconds"].to_pylist()
    return Ended(
        "finished",
        scores=said["validation"],
        gains=said["gains"],
        gain=float("nan") if said["mean_gain"] is None else said["mean_gain"],
        epochs=len(seconds),
        seconds=sum(seconds),
        megabytes=(run / _MODEL).stat().st_size / 1e6,
    )


def epochs_of(run: Path) -> dict[int, dict[str, Any]]:
    """The epochs of a run by number; one that came again as it came last."""
    try:
        lines = (run / EPOCHS).read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return {}
    found = {}
    for line in lines:
        # The last of a run that was killed may be torn.
        with suppress(ValueError):
            one = json.loads(line)
            found[one["epoch"]] = one
    return found


class Kept:
    """How runs ended that left no model: a file, so that they are not begun again.

    Args:
        path: of the file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known: dict[str, list[str]] = {}
        if path.is_file():
            self._known = json.loads(path.read_text(encoding="utf-8"))

    def of(self, job: Job, folder: Path) -> Ended | None:
        """How a run ended; None for one that has not."""
        done = result(folder / job.name)
        if done is not None or job.name not in self._known:
            return done
        how, said = self._known[job.name]
        return _so_far(folder / job.name) if how == "stopped" else Ended(how, said)  # type: ignore[arg-type]

    def add(self, job: Job, ended: Ended) -> None:
        """Keeps it, unless the run itself tells, or may do better the next time."""
        if ended.how not in ("stopped", "refused"):
            return
        self._known[job.name] = [ended.how, ended.said]
        with written_beside(self._path) as part:
            part.write_text(json.dumps(self._known, indent=1, ensure_ascii=False), encoding="utf-8")


def _so_far(run: Path) -> Ended:
    epochs = epochs_of(run).values()
    gains = [e["mean_gain"] for e in epochs if "mean_gain" in e]
    return Ended(
        "stopped",
        gain=max(gains, default=float("nan")),
        epochs=len(epochs),
        seconds=sum(e["seconds"] for e in epochs),
    )


def _began(run: Path) -> bool:
    return (run / "command.json").is_file()


def _resumed(arguments: Sequence[str]) -> list[str]:
    """Of the arguments of a run those that may be said when it goes on."""
    kept: list[str] = []
    for option, value in zip(arguments[1::2], arguments[2::2], strict=True):
        if option == "--data" or value.startswith(("training.trackers=", "training.max_minutes=")):
            kept += [option, value]
    return kept
