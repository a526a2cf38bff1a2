"""One run of all folds: what is checked before the first one trains, and where each one goes."""

import json
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from plait.errors import ConfigError, DataError
from plait.inference import Scores, mean_scores, row_weights
from plait.table import Parts, Table
from plait.tasks import Task
from plait.training._coverage import labelled_rows
from plait.training._notes import tell
from plait.training._run import Run, fold_run
from plait.training._run_folder import METRICS, MODEL_FILE, SCORES, write_documents

Folds = Sequence[tuple[str, Parts]]
_LONGEST = 100


def run_folds(
    every: Folds,
    run: Run | None,
    scored: Callable[[Parts, Run | None], Scores],
    verbose: bool = True,
) -> dict[str, Any]:
    """Trains and scores each fold that is not over yet, in a run of its own within the run.

    Args:
        every: each fold's name and rows.
        run: of all folds; None for none.
        scored: trains one fold in its run, and scores it; what a fold leaves has its scores.
        verbose: whether to say which fold it is, and where the run went.

    Returns:
        `{"folds": {fold: scores}, "mean": scores}`.
    """
    folders = fold_folders(name for name, _ in every)
    scores: dict[str, Scores] = {}
    for place, (name, rows) in enumerate(every, start=1):
        if verbose:
            tell([f"fold {name}, {place} of {len(every)}"])
        before = None if run is None else _scores(run.folder / folders[name])
        if before is None:
            with fold_run(run, folders[name]) as held:
                scores[name] = scored(rows, held)
        else:
            scores[name] = before
    found = {"folds": scores, "mean": mean_scores(list(scores.values()))}
    if run is not None:
        write_documents(run.folder, {METRICS: found})
        if verbose:
            tell([f"run: {run.folder}"])
    return found


def _scores(folder: Path) -> Scores | None:
    """Those of a fold that is over; None of another."""
    if not (folder / MODEL_FILE).is_file():
        return None
    text = (folder / f"{SCORES}.json").read_text(encoding="utf-8")
    return {
        task: {metric: math.nan if value is None else value for metric, value in metrics.items()}
        for task, metrics in json.loads(text).items()
    }


def fold_folders(names: Iterable[str]) -> dict[str, str]:
    """The name of each fold's folder: no two alike, on a disk that takes A for a either."""
    folders: dict[str, str] = {}
    taken: set[str] = set()
    for name in names:
        plain = re.sub(r"[^\w.-]", "_", f"fold-{name}")[:_LONGEST]
        folder, number = plain, 2
        while folder.casefold() in taken:
            folder, number = f"{plain}-{number}", number + 1
        taken.add(folder.casefold())
        folders[name] = folder
    return folders


def check_folds(
    table: Table,
    every: Folds,
    tasks: Mapping[str, Task],
    weight: str | None = None,
    by: str | None = None,
) -> None:
    """Finds what would end a fold, before the first of them has trained for nothing.

    Args:
        table: all rows.
        every: each fold's name and rows.
        tasks: not fitted, by name.
        weight: the column of the rows' weights.
        by: the column whose values stay whole.

    Raises:
        ConfigError: a fold that leaves no row to learn from, or none to choose the best epoch by.
        DataError: a fold without a label, or with one that the other folds' rows do not teach.
    """
    read = {column for name, task in tasks.items() for column in task.columns(name)}
    read |= {weight} if weight else set()
    for column in read:
        table.column(column)
    labels = table.without([column for column in table.columns if column not in read])
    for name, rows in every:
        _check_sizes(name, rows, by)
        try:
            _check_labels(labels, rows, tasks, weight)
        except DataError as error:
            raise DataError(f"Fold '{name}': {error}") from error


def _check_sizes(name: str, rows: Parts, by: str | None) -> None:
    for part, use in (("train", "learn from"), ("validation", "choose the best epoch by")):
        if not len(getattr(rows, part)):
            way_out = (
                "Add rows to the other folds"
                if by is None
                else f"All its other rows may have one value of '{by}', which stays whole. Leave "
                f"`by` out of split and name the folds by that column, `--folds {by}`"
            )
            raise ConfigError(f"Fold '{name}' leaves no row to {use}. {way_out}.")


def _check_labels(
    labels: Table, rows: Parts, tasks: Mapping[str, Task], weight: str | None
) -> None:
    train, weights = _weighed(labels.take(rows.train), weight)
    # One of a feature is fitted beside that feature, which no fold has read yet.
    alone = {name: task for name, task in tasks.items() if not task.of_features}
    fitted = {name: task.fit(task.column_in(name, train), weights) for name, task in alone.items()}
    labelled_rows(fitted, _weighed(labels.take(rows.validation), weight)[0])
    test, _ = _weighed(labels.take(rows.test), weight)
    there = [
        *labelled_rows(fitted, test).values(),
        *(
            ~test.column(column).is_missing(task.missing)
            for name, task in tasks.items()
            if name not in alone
            for column in task.columns(name)
        ),
    ]
    # One without a column of its own has its labels in its features.
    told = all(task.columns(name) for name, task in tasks.items())
    if told and not any(rows.any() for rows in there):
        raise DataError(
            f"none of its {len(test)} rows has a label, so that it cannot be scored. Leave their "
            "cells in the column of folds empty: they then train with every fold."
        )


def _weighed(table: Table, weight: str | None) -> tuple[Table, np.ndarray | None]:
    """The rows that count, and their weights."""
    if weight is None:
        return table, None
    weights = row_weights(table, weight)
    counting = np.flatnonzero(weights > 0)
    if not len(counting):
        raise DataError(f"no row has a weight above 0 in '{weight}'. Give some of them one.")
    return table.take(counting), weights[counting]
