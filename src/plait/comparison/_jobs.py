"""Runs of `plait fit` in processes of their own, and what came of each."""

import json
import math
import os
import signal
import statistics
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pyarrow.parquet as pq

from plait._beside import written_beside
from plait.config import Config

EPOCHS = "epochs.jsonl"
_WATCHED: Mapping[str, Any] = {"JSONLines": {}}
_FIT = "import sys; from plait.cli import main; sys.exit(main(sys.argv[1:]))"
# Its cores, and that it stops if the parent is killed, or was before it could be asked.
_PREPARE = """
import ctypes, os, signal, sys
if hasattr(os, "sched_setaffinity"):
    os.sched_setaffinity(0, {cores})
if sys.platform == "linux":
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)
if os.getppid() != {parent}:
    sys.exit(143)
"""
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
        ended: a line about what ended it before its last epoch, such as the time; empty for nothing.
        seconds: that they took together.
        pace: seconds of an epoch, the median of them, so that compiling is in none.
        megabytes: of the saved model.
        gates: a line for each part of each gate, as `Predictor.gates` has them; none of a model that
            weighs nothing.
    """

    how: How
    said: str = ""
    scores: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    gains: Mapping[str, float] = field(default_factory=dict)
    gain: float = float("nan")
    epochs: int = 0
    ended: str = ""
    seconds: float = 0.0
    pace: float = math.nan
    megabytes: float = 0.0
    gates: Sequence[Mapping[str, Any]] = ()


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
        place = ["--resume" if _began(self.run) else "--run", str(self.run)]
        # What it began with is in the run.
        given = _resumed(job.arguments) if _began(self.run) else job.arguments
        folder.mkdir(parents=True, exist_ok=True)
        prepare = _PREPARE.format(cores=set(cores), parent=os.getpid())
        with self._log.open("w", encoding="utf-8") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-c", prepare + _FIT, "fit", *given, *place, "--quiet"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                # Ctrl-C reaches the parent alone, which stops its runs.
                start_new_session=True,
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


def fit_arguments(
    config: Config,
    place: Path,
    seed: int | None,
    settings: Sequence[str],
    without: Sequence[str] = (),
) -> tuple[str, ...]:
    """Of `plait fit` for a run that can be watched.

    Args:
        config: as it is, with its own trackers.
        place: what its paths are relative to.
        seed: of the run; None where the settings have one.
        settings: `KEY=VALUE` each.
        without: tasks and objectives to leave out.
    """
    trackers = json.dumps([*_trackers(config), _WATCHED])
    pairs = [("--data", str(place))]
    pairs += [] if seed is None else [("--seed", str(seed))]
    pairs += [("--without", other) for other in without]
    pairs += [("--set", setting) for setting in (*settings, f"training.trackers={trackers}")]
    return (str(config.path), *(word for pair in pairs for word in pair))


def _trackers(config: Config) -> list[Any]:
    """Those of the config itself, as plain data."""
    training: Mapping[str, Any] = config.document.get("training") or {}
    asked = (training.get("Training") or training).get("trackers") or []
    return asked if isinstance(asked, list) else [asked]


def result(run: Path) -> Ended | None:
    """What came of a run that has finished; None of any other."""
    if not (run / _MODEL).is_file():
        return None
    said = json.loads((run / "metrics.json").read_text(encoding="utf-8"))
    gates = run / "gates.json"
    seconds = pq.read_table(run / "history.parquet", columns=["seconds"])["seconds"].to_pylist()
    return Ended(
        "finished",
        scores=said["validation"],
        gains=said["gains"],
        gain=float("nan") if said["mean_gain"] is None else said["mean_gain"],
        epochs=len(seconds),
        ended=said.get("ended", ""),
        seconds=sum(seconds),
        pace=statistics.median(seconds) if seconds else math.nan,
        megabytes=(run / _MODEL).stat().st_size / 1e6,
        gates=json.loads(gates.read_text(encoding="utf-8")) if gates.is_file() else (),
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
    """Which runs had no prospect: a file, so that they are not begun again.

    One that was refused, or failed, may do better the next time.

    Args:
        path: of the file.
        prune: whether a run that was stopped has ended; else it goes on.
    """

    def __init__(self, path: Path, prune: bool = True) -> None:
        self._path = path
        self._prune = prune
        self._stopped: list[str] = []
        if path.is_file():
            self._stopped = json.loads(path.read_text(encoding="utf-8"))

    def of(self, job: Job, folder: Path) -> Ended | None:
        """How a run ended; None for one that has not."""
        done = result(folder / job.name)
        if done is None and self._prune and job.name in self._stopped:
            return _so_far(folder / job.name)
        return done

    def add(self, job: Job) -> None:
        """Keeps a run that was stopped."""
        self._stopped.append(job.name)
        with written_beside(self._path) as part:
            part.write_text(json.dumps(self._stopped, indent=1, ensure_ascii=False), "utf-8")


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
