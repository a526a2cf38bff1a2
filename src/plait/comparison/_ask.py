"""A comparison from its question to its answer, in a folder that it goes on in."""

import json
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from plait._beside import written_beside
from plait.comparison._answer import Answer
from plait.comparison._budget import least_minutes, minutes_a_run
from plait.comparison._candidates import Candidate, candidates
from plait.comparison._compare import Comparing
from plait.comparison._compared import Alone, Way
from plait.comparison._known import known
from plait.comparison._page import drawing, page
from plait.comparison._sample import sampled
from plait.comparison._say import say
from plait.comparison._work import work, workers_for
from plait.config import build_learner, dump, load
from plait.errors import ConfigError
from plait.table import document_without_passwords

_QUICK_EPOCHS = 8
_QUICK_MINUTES = 4.0
_QUICK_MINUTES_A_RUN = 0.5


@dataclass(frozen=True)
class Question:
    """What is asked.

    Attributes:
        config: the file.
        place: what its paths are relative to.
        asked: for `fusion`, `sharing` and `balancing`, those that are compared: classes with commas
            between.
        alone: whether each main task is trained alone, too.
        seeds: how many.
        minutes: that all of it may take; None for as long as the config's runs do, and for a quick look
            as few as its runs need.
        workers: runs at once; by the cores if None.
        quick: a sample of the rows, and few epochs.
        prune: whether candidates without prospect are stopped.
        settings: `KEY=VALUE` each, of all runs.
    """

    config: Path
    place: Path
    asked: Mapping[str, str]
    alone: bool = False
    seeds: int = 1
    minutes: float | None = None
    workers: int | None = None
    quick: bool = False
    prune: bool = True
    settings: Sequence[str] = ()


def ask(question: Question, folder: Path) -> Answer:
    """Runs what is left of a comparison, and writes what came of it.

    Args:
        question: what is compared.
        folder: new, or that of the same comparison, which goes on.

    Returns:
        The answer, which is in the folder, too: `index.html`, `answer.json`, and `winner.yaml`.

    Raises:
        ConfigError: the config or a candidate will not do; the folder is that of another comparison.
        StoppedError: Ctrl-C.
    """
    began = time.monotonic()
    drawing()
    settings = list(question.settings)
    config = load(question.config, settings, question.place)
    build_learner(config)
    tasks = {name: task for name, task in config.arguments["tasks"].items() if not task.auxiliary}
    ways: list[Way] = [*candidates(config, question.asked)]
    if question.alone and len(tasks) > 1:
        ways += [Alone(task) for task in tasks]
    if len(ways) == 1:
        raise ConfigError(
            "There is nothing beside the config as it is written to compare it with. Name others by "
            "--fusion, --sharing or --balancing; --against single needs two tasks."
        )
    first = config.arguments.get("seed", 0)
    seeds = [first + n for n in range(question.seeds)]
    workers = workers_for(question.workers)
    runs = len(ways) * len(seeds)
    budget = question.minutes
    if budget is None and question.quick:
        budget = max(_QUICK_MINUTES, least_minutes(runs, workers, _QUICK_MINUTES_A_RUN))
    minutes = None if budget is None else minutes_a_run(budget, runs, workers)
    kept = known(
        folder, config, question.place, {"quick": question.quick}, keep={"minutes": minutes}
    )["minutes"]
    if kept != minutes:
        whole = "as long as it takes" if kept is None else f"{kept:.1f} minutes at most"
        say(f"each run trains {whole}, as in the first call: all are to have the same")
    minutes = kept
    training = config.arguments.get("training")
    epochs = None if training is None else training.epochs
    if question.quick:
        short = min(_QUICK_EPOCHS, epochs or _QUICK_EPOCHS)
        epochs = short
        settings += [f"training.epochs={short}", *sampled(config, folder / "sample")]
        config = load(question.config, settings, question.place)
    plan = Comparing(
        config,
        question.place,
        folder / "runs",
        ways,
        seeds,
        minutes,
        settings,
        epochs,
        question.prune,
        None if budget is None else began + 60 * budget,
        workers,
    )
    work(plan, folder / "runs", workers, "The same command goes on with it.")
    seeds = plan.seeds
    answer = Answer(plan.compared, tasks, seeds, _about(question, minutes, len(seeds)))
    _write(folder, answer, question, config.name)
    return answer


def _about(question: Question, minutes: float | None, seeds: int) -> str:
    parts = [f"{question.config.name}, {seeds} {'seed' if seeds == 1 else 'seeds'}"]
    if minutes is not None:
        parts.append(f"at most {minutes:.1f} minutes of training a run")
    if question.quick:
        parts.append("on a sample of the rows, in few epochs: a first look")
    return "; ".join(parts) + "."


def _write(folder: Path, answer: Answer, question: Question, name: str) -> None:
    documents = {
        "index.html": page(answer, f"{name}: what was compared"),
        "answer.json": json.dumps(plain_answer(answer), ensure_ascii=False, indent=1) + "\n",
        "winner.yaml": _winner(answer, question),
    }
    for file, text in documents.items():
        with written_beside(folder / file) as part:
            part.write_text(text, encoding="utf-8")


def _winner(answer: Answer, question: Question) -> str:
    """The config of the winner, for all rows and without what the comparison added."""
    way = answer.winner.way
    assert isinstance(way, Candidate)
    won = load(question.config, [*question.settings, *way.settings], question.place)
    head = (
        f"{question.config.name} with {way.name}.\n"
        f"Its paths are relative to {question.place.resolve()}."
    )
    return dump(document_without_passwords(won.document), head=head)


def plain_answer(answer: Answer) -> dict[str, Any]:
    """An answer as plain data."""
    return {
        "advice": answer.advice,
        "winner": answer.winner.way.name,
        "front": sorted(answer.front),
        "ways": [
            {
                "name": one.way.name,
                "runs": {
                    str(seed): {k: _finite(v) for k, v in asdict(run).items()}
                    for seed, run in sorted(one.runs.items())
                },
            }
            for one in answer.compared
        ],
        "tasks": [
            {
                "task": verdict.task,
                "verdict": verdict.word,
                "gain": _finite(verdict.gained.mean),
                "half_interval": _finite(verdict.gained.half),
            }
            for verdict in answer.verdicts
        ],
    }


def _finite(value: Any) -> Any:
    """JSON has no NaN."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
