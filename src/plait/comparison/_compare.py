"""Which runs a comparison takes, which of them have no prospect, and what they came to."""

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from plait.comparison._budget import Pace
from plait.comparison._candidates import Candidate
from plait.comparison._compared import Compared, Way
from plait.comparison._jobs import Ended, Job, Kept, epochs_of, fit_arguments
from plait.comparison._optuna import optuna
from plait.comparison._say import say
from plait.comparison._work import Plan
from plait.config import Config
from plait.sharing import CGC, PLE, DSelectK, HardSharing, MMoE, Sharing, TrunkSharing


class Comparing(Plan):
    """Every way with the first seed, in which those without prospect are stopped; then the others.

    A run is stopped where its mean gain is not among the better half of those that came to the same
    number of epochs (successive halving, as Optuna has it). The config as it is written and a task
    alone are never stopped; nor is a run by its last epoch, where their number is set.

    Args:
        config: as it is written.
        place: what the config's paths are relative to.
        folder: of all runs.
        ways: what is compared.
        seeds: of each.
        minutes: that a run may take; None as the config says.
        settings: of all runs, `KEY=VALUE` each.
        epochs: that a run has; None where that is not known.
        prune: whether runs without prospect are stopped.
        until: when all are to be over, by `time.monotonic`; None for never. A further seed that would
            take longer is left out, for all ways alike.
        workers: how many runs go side by side.

    Attributes:
        compared: every way.
        seeds: that each has.

    References:
        L. Li and others, "A System for Massively Parallel Hyperparameter Tuning", 2020.
    """

    def __init__(
        self,
        config: Config,
        place: Path,
        folder: Path,
        ways: Sequence[Way],
        seeds: Sequence[int],
        minutes: float | None = None,
        settings: Sequence[str] = (),
        epochs: int | None = None,
        prune: bool = True,
        until: float | None = None,
        workers: int = 1,
    ) -> None:
        self._prune = prune
        self._pace = Pace(until, workers)
        self._begun: set[int] = set()
        self.compared = [Compared(way) for way in ways]
        self._config = config
        self._place = place
        self._folder = folder
        self.seeds = [*seeds]
        self._minutes = minutes
        self._settings = settings
        self._epochs = math.inf if epochs is None else epochs
        self._kept = Kept(folder / "stopped.json", prune)
        first = max(1, epochs // 4) if epochs else 4
        self._study = optuna.create_study(
            direction="maximize",
            pruner=optuna.pruners.SuccessiveHalvingPruner(min_resource=first, reduction_factor=2),
        )
        self._trials: dict[str, optuna.Trial] = {}
        self._pending = [(one, seed) for seed in seeds for one in self.compared]
        self._under_way: dict[str, tuple[Compared, int]] = {}
        for one, seed in list(self._pending):
            job = self._job(one, seed)
            if (ended := self._kept.of(job, folder)) is not None:
                self._replay(one, seed, job)
                self._pending.remove((one, seed))
                one.runs[seed] = ended

    def next_job(self) -> Job | None:
        for one, seed in list(self._pending):
            first = one.runs.get(self.seeds[0])
            if seed not in self.seeds:
                continue
            if seed != self.seeds[0]:
                if first is None:
                    # Whether it has a prospect is not known yet.
                    continue
                if first.how != "finished":
                    self._pending.remove((one, seed))
                    continue
                if not self._has_time_for(seed):
                    continue
            self._pending.remove((one, seed))
            job = self._job(one, seed)
            self._under_way[job.name] = (one, seed)
            self._pace.begins(job.name)
            say(f"begins: {job.name}")
            return job
        return None

    def _has_time_for(self, seed: int) -> bool:
        """Whether every way can have a further seed; if not, it and those behind it are left out."""
        if seed in self._begun:
            return True
        self._begun.add(seed)
        first = [one.runs.get(self.seeds[0]) for one, other in self._pending if other == seed]
        left = sum(run is None or run.how == "finished" for run in first)
        beyond = self._pace.minutes_beyond(left)
        if not beyond:
            return True
        out = self.seeds[self.seeds.index(seed) :]
        del self.seeds[-len(out) :]
        self._pending = [(one, other) for one, other in self._pending if other not in out]
        say(
            f"left out: seed {', '.join(map(str, out))}, since {left} more runs would end {beyond:.1f} "
            "minutes beyond the budget. The same command goes on with them."
        )
        return False

    def epoch(self, job: Job, numbers: dict[str, Any]) -> bool:
        one, seed = self._under_way[job.name]
        hopeless = self._is_measured(one, seed) and self._measure(job, numbers)
        paid = numbers["epoch"] >= self._epochs
        return not hopeless or paid or one.way.own  # type: ignore[union-attr]

    def ended(self, job: Job, ended: Ended) -> None:
        one, seed = self._under_way.pop(job.name)
        one.runs[seed] = ended
        if ended.how == "finished":
            self._pace.ends(job.name)
        if ended.how == "stopped":
            self._kept.add(job)
        if ended.how in ("finished", "stopped"):
            about = f"mean gain {ended.gain:.4f}, {ended.epochs} epochs, {ended.seconds:.0f} s"
        else:
            about = ended.said.splitlines()[-1] if ended.said else ""
        say(f"{ended.how}: {job.name}: {about}")

    def _is_measured(self, one: Compared, seed: int) -> bool:
        return self._prune and seed == self.seeds[0] and isinstance(one.way, Candidate)

    def _measure(self, job: Job, numbers: Mapping[str, Any]) -> bool:
        """Tells the pruner of an epoch; returns whether the run has no prospect."""
        if "mean_gain" not in numbers:
            return False
        if job.name not in self._trials:
            self._trials[job.name] = self._study.ask()
        trial = self._trials[job.name]
        trial.report(numbers["mean_gain"], numbers["epoch"])
        return bool(trial.should_prune())

    def _replay(self, one: Compared, seed: int, job: Job) -> None:
        """Tells the pruner what a run had come to in an earlier call, for others to be measured by."""
        if self._is_measured(one, seed):
            for _, numbers in sorted(epochs_of(self._folder / job.name).items()):
                self._measure(job, numbers)

    def _job(self, one: Compared, seed: int) -> Job:
        way, config = one.way, self._config
        settings = [*self._settings]
        without: list[str] = []
        if isinstance(way, Candidate):
            settings += way.settings
            name = way.folder
        else:
            tasks, objectives = (config.document.get(k) or {} for k in ("tasks", "objectives"))
            without = [other for other in (*tasks, *objectives) if other != way.task]
            if getattr(config.arguments["tasks"][way.task], "after", ()):
                settings.append(f"tasks.{way.task}.after=[]")
            # One task has none to be weighed against, and none to share with.
            alike = _one_trunk(config.arguments.get("sharing"), config.document.get("sharing"))
            settings += ["balancing=null", *alike]
            name = f"alone-{way.task}"
        if self._minutes is not None:
            training = config.arguments.get("training")
            own = math.inf if training is None else training.max_minutes or math.inf
            settings.append(f"training.max_minutes={min(self._minutes, own):.3f}")
        arguments = fit_arguments(config, self._place, seed, settings, without)
        return Job(f"{name}-seed{seed}", arguments)


def _one_trunk(sharing: Sharing | None, written: Any) -> list[str]:
    """The setting of a trunk for one task, as deep and as wide as that of a sharing.

    Args:
        sharing: of the config, or None.
        written: the same as the config says it.
    """
    if sharing is None or type(sharing) is HardSharing:
        return []
    alone: dict[str, Any]
    said = next(iter(written.values())) if isinstance(written, Mapping) else {}
    if isinstance(sharing, TrunkSharing) and "stages" in said and sharing.given:
        # Of one task it is these stages, and nothing else.
        alone = {"SoftSharing": {"stages": said["stages"]}}
    elif isinstance(sharing, TrunkSharing):
        alone = {"HardSharing": {"blocks": sharing.depth}}
    elif isinstance(sharing, MMoE | CGC | PLE | DSelectK):
        # A task's way is through one expert of each level, whichever they are.
        levels = getattr(sharing, "levels", 1)
        alone = {"HardSharing": {"blocks": levels}}
        if (expert := said.get("expert")) is not None:
            stages = expert if isinstance(expert, list) else [expert]
            alone = {"SoftSharing": {"stages": stages * levels}}
    else:
        names = ("blocks", "width", "dropout")
        alone = {"HardSharing": {n: getattr(sharing, n) for n in names if hasattr(sharing, n)}}
    return [f"sharing={json.dumps(alone)}"]
