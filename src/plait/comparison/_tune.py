"""The best values of what a config leaves open."""

import json
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from plait._beside import written_beside
from plait.comparison._jobs import Ended, Job, fit_arguments
from plait.comparison._known import known
from plait.comparison._optuna import optuna
from plait.comparison._say import say
from plait.comparison._work import Plan, work, workers_for
from plait.config import Config, Searched, build_learner, dump, load, searches
from plait.errors import ConfigError
from plait.table import document_without_passwords

_STUDY = "study.db"
_RUN = "run"
_HOW = "how"
_STARTUP = 5
"""Runs that are drawn at random, and none of which is stopped, before there is anything to go by."""


@dataclass(frozen=True)
class Tried:
    """One run.

    Attributes:
        name: of its folder.
        values: of what was searched, by key.
        how: it ended; see `Ended`.
        gain: the mean gain, the best until it was stopped; NaN for none.
    """

    name: str
    values: dict[str, Any]
    how: str
    gain: float


@dataclass(frozen=True)
class Tuned:
    """What came of a search.

    Attributes:
        tried: every run, the best first.
        config: `winner.yaml`; None if no run came to its end.
    """

    tried: list[Tried]
    config: Path | None


class Tuning(Plan):
    """Runs with values that Optuna proposes, by what earlier ones came to (TPE).

    A run is stopped where its best mean gain so far is below the median of the others' at the same
    epoch.

    Args:
        config: the file.
        place: what its paths are relative to.
        folder: of the study and of all runs; the study of an earlier call goes on.
        open_: what is searched.
        trials: how many runs, those of earlier calls included.
        deadline: when it ends, by `time.monotonic`; None for never.
        settings: of all runs, `KEY=VALUE` each.
        seed: of the runs, and of what is proposed.

    References:
        J. Bergstra, R. Bardenet, Y. Bengio, B. Kégl, "Algorithms for Hyper-Parameter Optimization",
        2011.
    """

    def __init__(
        self,
        config: Config,
        place: Path,
        folder: Path,
        open_: Sequence[Searched],
        trials: int,
        deadline: float | None,
        settings: Sequence[str],
        seed: int,
    ) -> None:
        self._config, self._place, self._settings = config, place, settings
        self._open, self._trials, self._deadline, self._seed = open_, trials, deadline, seed
        folder.mkdir(parents=True, exist_ok=True)
        self.study = optuna.create_study(
            storage=f"sqlite:///{folder / _STUDY}",
            study_name="plait",
            direction="maximize",
            load_if_exists=True,
            sampler=optuna.samplers.TPESampler(
                seed=seed, n_startup_trials=_STARTUP, constant_liar=True
            ),
            pruner=optuna.pruners.MedianPruner(n_startup_trials=_STARTUP, n_warmup_steps=1),
        )
        self._spaces = {one.key: _distribution(one) for one in open_}
        self._under_way: dict[str, optuna.Trial] = {}
        # Those that were under way when an earlier call was killed, or stopped, go on in their folders.
        for left in self.study.get_trials(states=(optuna.trial.TrialState.RUNNING,)):
            self.study.tell(left.number, state=optuna.trial.TrialState.FAIL)
            # Killed before it had a folder.
            if _RUN in left.user_attrs:
                self.study.enqueue_trial(left.params, user_attrs={_RUN: left.user_attrs[_RUN]})

    def next_job(self) -> Job | None:
        begun = [t for t in self.study.get_trials() if t.state is not optuna.trial.TrialState.FAIL]
        waiting = [t for t in begun if t.state is optuna.trial.TrialState.WAITING]
        if not waiting and len(begun) >= self._trials:
            return None
        if self._deadline is not None and time.monotonic() >= self._deadline:
            return None
        trial = self.study.ask(self._spaces)
        name = trial.user_attrs.get(_RUN) or f"run-{trial.number:04}"
        trial.set_user_attr(_RUN, name)
        values = self._values(trial.params)
        settings = [*self._settings, *(one.setting(values[one.key]) for one in self._open)]
        self._under_way[name] = trial
        said = ", ".join(f"{key} {value}" for key, value in values.items())
        say(f"begins: {name}: {said}")
        seed = None if "seed" in values else self._seed
        return Job(name, fit_arguments(self._config, self._place, seed, settings))

    def epoch(self, job: Job, numbers: dict[str, Any]) -> bool:
        if "mean_gain" not in numbers:
            return True
        trial = self._under_way[job.name]
        trial.report(numbers["mean_gain"], numbers["epoch"])
        return not trial.should_prune()

    def ended(self, job: Job, ended: Ended) -> None:
        trial = self._under_way.pop(job.name)
        trial.set_user_attr(_HOW, ended.how)
        if not math.isnan(ended.gain):
            trial.set_user_attr("gain", ended.gain)
        if ended.how == "finished" and not math.isnan(ended.gain):
            self.study.tell(trial, ended.gain)
        else:
            # One that these values do not allow counts as a run, and is no value.
            self.study.tell(trial, state=optuna.trial.TrialState.PRUNED)
        said = f"mean gain {ended.gain:.4f}" if ended.how in ("finished", "stopped") else ended.said
        say(f"{ended.how}: {job.name}: {said}")

    def tried(self) -> list[Tried]:
        """Every run that has ended, the best first."""
        states = (optuna.trial.TrialState.COMPLETE, optuna.trial.TrialState.PRUNED)
        found = [
            Tried(
                t.user_attrs[_RUN],
                self._values(t.params),
                t.user_attrs.get(_HOW, "failed"),
                t.user_attrs.get("gain", math.nan),
            )
            for t in self.study.get_trials(states=states)
        ]
        return sorted(found, key=lambda t: (t.how != "finished", math.isnan(t.gain), -t.gain))

    def _values(self, params: dict[str, Any]) -> dict[str, Any]:
        return {
            one.key: json.loads(params[one.key]) if one.choices else params[one.key]
            for one in self._open
        }


def tune(
    config: Path,
    place: Path,
    folder: Path,
    *,
    trials: int,
    minutes: float | None = None,
    workers: int | None = None,
    settings: Sequence[str] = (),
) -> Tuned:
    """Searches, or goes on with the search that is in the folder.

    Args:
        config: a YAML file with `search` in it.
        place: what its paths are relative to.
        folder: of all that it writes.
        trials: how many runs.
        minutes: that it may take; runs that are under way then are stopped. None for no end.
        workers: runs at once; by the cores if None.
        settings: of all runs, `KEY=VALUE` each.

    Raises:
        ConfigError: nothing is searched, or the config will not do.
        StoppedError: Ctrl-C; the same call goes on.
    """
    open_ = searches(config, settings)
    if not open_:
        raise ConfigError(
            f"{config.name} leaves nothing open. Write a value as a search, such as "
            "learning_rate: {search: [0.0001, 0.01, log]}, or fusion: {search: [Concat, Gated]}."
        )
    first = [one.setting(one.outermost[0]) for one in open_]
    loaded = load(config, [*settings, *first], place)
    seed = loaded.arguments.get("seed", 0)
    build_learner(loaded)
    for one in open_:
        for value in one.outermost[1:]:
            load(config, [*settings, *first, one.setting(value)], place)
    ranges = {one.key: [one.low, one.high, one.log, list(one.choices)] for one in open_}
    known(folder, loaded, place, {"search": ranges}, keep={})
    deadline = None if minutes is None else time.monotonic() + 60 * minutes
    plan = Tuning(loaded, place, folder, open_, trials, deadline, settings, seed)
    way_out = "The same command goes on with it."
    work(plan, folder / "runs", workers_for(workers), way_out, deadline)
    tried = plan.tried()
    best = next((one for one in tried if one.how == "finished"), None)
    if best is None:
        return Tuned(tried, None)
    won = [*settings, *(one.setting(best.values[one.key]) for one in open_)]
    head = (
        f"{config.name} with the values of {best.name}.\n"
        f"Its paths are relative to {place.resolve()}."
    )
    document = document_without_passwords(load(config, won, place).document)
    path = folder / "winner.yaml"
    with written_beside(path) as part:
        part.write_text(dump(document, head=head), encoding="utf-8")
    return Tuned(tried, path)


def _distribution(one: Searched) -> optuna.distributions.BaseDistribution:
    if one.choices:
        # Optuna keeps texts and numbers; a class with arguments is neither.
        return optuna.distributions.CategoricalDistribution(
            [json.dumps(choice) for choice in one.choices]
        )
    assert one.low is not None
    assert one.high is not None
    if one.whole:
        return optuna.distributions.IntDistribution(int(one.low), int(one.high), log=one.log)
    return optuna.distributions.FloatDistribution(one.low, one.high, log=one.log)
