"""`plait demo`: what one model of several inputs and tasks is good for, in a minute and a half."""

import sys
import time
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
import pyarrow.compute as pc

from plait.cli._scores_table import aligned
from plait.config import Config, build_learner, load
from plait.demo import CONFIG, CONFIG_FILE, make_table
from plait.learner import Learner
from plait.table import Split, Table
from plait.tasks import Regression, Task
from plait.training import RUNS, Run

ROWS, QUICK_ROWS = 1500, 500
_QUICK_EPOCHS = 3

MODALITIES: Mapping[str, tuple[str, ...]] = {
    "picture": ("picture",),
    "note": ("note",),
    "sound": ("sound",),
    "numbers": ("weight", "age", "material"),
}
"""The columns of each kind of input, for the models that see one kind alone."""


def demo(folder: Path, *, seed: int = 0, quick: bool = False) -> None:
    """Makes a table, trains on all of it and on each kind of input alone, and compares.

    Args:
        folder: where to write; a config that is there already is kept.
        seed: of the table and the models.
        quick: fewer rows and epochs, for a look at the way rather than the scores.
    """
    began = time.monotonic()
    table_path = make_table(folder, rows=QUICK_ROWS if quick else ROWS, seed=seed)
    config_path = folder / CONFIG_FILE
    if not config_path.exists():
        config_path.write_text(CONFIG, encoding="utf-8")
    print(f"Wrote {table_path} with its pictures and sounds, and {config_path}.", file=sys.stderr)
    overrides = [f"seed={seed}", *([f"training.epochs={_QUICK_EPOCHS}"] if quick else [])]
    config = load(config_path, overrides)
    run = Run(folder / RUNS / "demo", numbered=True)
    learner = build_learner(config).fit(table_path, run=run)
    parts = Split(column="split").parts(table := Table.read(table_path))
    train, test = table.take(parts.train), table.take(parts.test)
    alone = {
        kind: _main_scores(only(config, columns).fit(table_path, run=False, verbose=False), test)
        for kind, columns in MODALITIES.items()
        if set(columns) <= set(learner.features)
    }
    print(_comparison(learner, train, test, alone))
    _show_answers(learner, test.take(np.arange(3)))
    print(f"\nDone in {time.monotonic() - began:.0f} s. Look at {config_path}, then try:")
    print(f"  plait check {config_path}")
    print(f"  plait fit {config_path} --set fusion=Mean")
    print(f"  plait evaluate {run.folder} {table_path} --where split=test")
    print(f"  plait predict {run.folder} {table_path} -o answers.csv")
    print("  plait new YOUR_TABLE.csv")


def only(config: Config, columns: Iterable[str]) -> Learner:
    """A learner as in `config` that reads some of its features."""
    features = {name: config.arguments["features"][name] for name in columns}
    return Learner(**{**config.arguments, "features": features})


def shown_score(task: Task) -> str:
    """The score that needs no explanation."""
    return "mae" if isinstance(task, Regression) else "accuracy"


def trivial_score(task: Task, name: str, train: Table, test: Table) -> float:
    """What the most frequent label, or the median, of the training rows scores on the others."""
    column = task.column or name
    known, asked = (t.column(column).values.drop_null() for t in (train, test))
    if isinstance(task, Regression):
        median = np.median(known.to_numpy())
        return float(np.abs(asked.to_numpy() - median).mean())
    most = max(pc.value_counts(known).to_pylist(), key=lambda entry: entry["counts"])["values"]
    return float(np.mean([label == most for label in asked.to_pylist()]))


def _main_scores(learner: Learner, test: Table) -> dict[str, float]:
    scores = learner.evaluate(test)
    return {name: scores[name][shown_score(task)] for name, task in learner.tasks.items()}


def _comparison(
    learner: Learner, train: Table, test: Table, alone: Mapping[str, Mapping[str, float]]
) -> str:
    together = _main_scores(learner, test)
    rows = []
    for name, task in learner.tasks.items():
        best_of = min if isinstance(task, Regression) else max
        best = best_of(alone, key=lambda kind: alone[kind][name])
        rows.append(
            (
                name,
                shown_score(task),
                f"{trivial_score(task, name, train, test):.3f}",
                f"{alone[best][name]:.3f} ({best})",
                f"{together[name]:.3f}",
            )
        )
    head = ("task", "score", "trivial answer", "best input alone", "one model")
    note = (
        "mae is an error: less is better. trivial answer: the most frequent label, or the median.\n"
        "Where one input tells all, its own model can be a little ahead: the one model answers every "
        "task."
    )
    return f"\nOn {len(test)} test rows:\n\n{aligned(head, rows)}\n\n{note}"


def _show_answers(learner: Learner, three: Table) -> None:
    answers = learner.predict(three)
    print("\nThree of them, answered:")
    for row, given in enumerate(answers.to_pylist()):
        key = "" if learner.key is None else f"{learner.key} {given[learner.key]}: "
        told = []
        for name, task in learner.tasks.items():
            truth = three.column(task.column or name).values[row].as_py()
            answer = f"{given[name]:.2f}" if isinstance(given[name], float) else given[name]
            told.append(f"{name} {answer} ({truth})")
        print(f"  {key}{', '.join(told)}")
    print("  (in brackets, the truth)")
