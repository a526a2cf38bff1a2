"""`plait new`: a first config for a strange table, with the reason for each guess."""

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from plait._beside import written_beside
from plait._names import did_you_mean
from plait.config import dump
from plait.errors import ConfigError, DataError
from plait.table import Guess, Split, Table, infer

KeyPath = tuple[str | int, ...]

_TASK_OF_FEATURE = {"Number": "Regression", "Category": "Multiclass"}
_OF_CELLS = ("Segmentation", "Boxes", "Tagging")
"""Tasks that a column's cells tell, not its name."""
_SURE = 2.0
"""A target score of this or more: the column's name says that it is an answer."""


def new(
    table: str,
    *,
    output: Path | None = None,
    targets: Sequence[str] = (),
    root: Path | None = None,
) -> None:
    """Prints or writes a commented config.

    Args:
        table: what `Table.read` takes.
        output: where to; printed if None.
        targets: the columns to predict; guessed if empty.
        root: the folder that media paths are relative to.

    Raises:
        DataError: the table cannot be read, or nothing in it can be predicted or read.
        ConfigError: `output` is there already, or a target is no column.
    """
    if output is not None and output.exists():
        raise ConfigError(f"'{output}' is there already. Choose another -o FILE, or remove it.")
    data = Table.read(table, root)
    folder = Path() if output is None else output.parent
    document, comments, head = draft(data, targets)
    places = {"data": _relative(Path(table), folder)}
    if root is not None:
        places["root"] = _relative(root, folder)
    text = dump({**places, **document}, comments, head)
    if output is None:
        print(text, end="")
        return
    with written_beside(output) as part:
        part.write_text(text, encoding="utf-8")
    print(f"{output}: read it, then `plait check {output}`")


def draft(
    table: Table, targets: Sequence[str] = ()
) -> tuple[dict[str, Any], dict[KeyPath, str], str]:
    """A config without its data, a remark for each key, and lines for its top.

    Args:
        table: the rows.
        targets: the columns to predict; guessed if empty.

    Raises:
        DataError: nothing in the table can be predicted, or read.
        ConfigError: a target is no column.
    """
    guesses = {guess.column: guess for guess in infer(table)}
    for target in targets:
        if target not in guesses:
            raise ConfigError(
                f"--target: {table.name} has no column '{target}'.{did_you_mean(target, guesses)}"
            )
    chosen = dict.fromkeys(targets) or _guessed_targets(guesses, table.name)
    called = _layer_names(table.columns)
    document: dict[str, Any] = {}
    comments: dict[KeyPath, str] = {}
    left_out = []
    features: dict[str, Any] = {}
    for name, guess in guesses.items():
        if name in chosen:
            continue
        if guess.feature is not None:
            features[called[name]] = _written(guess.feature, guess.arguments, name, called[name])
            comments["features", called[name]] = guess.reason
        elif "split" not in document and _is_split(table, name):
            document["split"], comments[("split",)] = name, guess.reason
        elif "key" not in document and guess.names_rows and _is_full(table, name):
            document["key"], comments[("key",)] = name, guess.reason
        else:
            left_out.append(f"  {name or repr(name)}: {guess.reason}")
    if not features:
        said = "\n".join(["Left out:", *left_out]) if left_out else "It has no other column."
        raise DataError(
            f"{table.name} has no column left to predict {', '.join(chosen)} from. {said}"
        )
    tasks = {}
    for name, why in chosen.items():
        guess = guesses[name]
        task = guess.task or _TASK_OF_FEATURE.get(guess.feature or "")
        if task is None:
            raise DataError(
                f"Column '{name}' of {table.name} cannot be predicted: {guess.reason}. Tasks "
                "answer classes, yes or no, sets of labels, and numbers."
            )
        arguments = dict(guess.arguments)
        if "of" in arguments:
            arguments["of"] = called[arguments["of"]]
        tasks[called[name]] = _written(task, arguments, name, called[name])
        comments["tasks", called[name]] = "; ".join(filter(None, [guess.reason, why]))
    head = [
        f"{table.name}: {table.num_rows} rows. Each line says why; change what is wrong.",
        "`plait describe SECTION CLASS` tells what can stand here.",
    ]
    if left_out:
        head += ["Left out:", *left_out]
    return {**document, "features": features, "tasks": tasks}, comments, "\n".join(head)


def _guessed_targets(guesses: Mapping[str, Guess], table: str) -> dict[str, str]:
    """The columns whose names say that they are answers, else the likeliest one; and why."""
    possible = [guess for guess in guesses.values() if guess.task is not None]
    same = [g for g in guesses.values() if g.constant and g.target_score >= _SURE]
    told = [f"'{g.column}' is named like an answer, but {g.reason}" for g in same]
    if not possible:
        seen = "".join(f" {line}." for line in told)
        left_out = "\n".join(
            f"  {g.column or repr(g.column)}: {g.reason}" for g in guesses.values()
        )
        raise DataError(
            f"No column of {table} looks like something to predict.{seen} Name one: --target COL.\n"
            f"{left_out}"
        )
    sure = [guess.column for guess in possible if guess.target_score >= _SURE]
    if sure and len(sure) < len(guesses):
        by_cells = {name for name in sure if guesses[name].task in _OF_CELLS}
        return {
            name: "" if name in by_cells else "its name says that it is an answer" for name in sure
        }
    # Of equally likely ones the last: tables tend to end with the answer.
    best = max(reversed(possible), key=lambda guess: guess.target_score)
    return {best.column: "; ".join(["a guess: --target COL names another", *told])}


def _is_split(table: Table, name: str) -> bool:
    try:
        Split(column=name).parts(table)
    except DataError:
        return False
    return True


def _is_full(table: Table, name: str) -> bool:
    return not table.column(name).is_missing().any()


def _layer_names(columns: Sequence[str]) -> dict[str, str]:
    """For each column a name that a layer can have and no mask has; its own where that will do."""
    masks = {f"{column}__{mask}" for column in columns for mask in ("present", "length")}
    named = {column: column for column in columns if "/" not in column and column not in masks}
    taken = {*named, *masks}
    for column in columns:
        if column not in named:
            wanted = re.sub(r"/|__(?=present$|length$)", "_", column)
            while wanted in taken:
                wanted += "_2"
            named[column] = wanted
            taken.add(wanted)
    return named


def _written(of: str, arguments: Mapping[str, Any], column: str, called: str) -> Any:
    """`Class`, or `{Class: {argument: value}}`; the column is named where the key does not."""
    every = {**({} if called == column else {"column": column}), **arguments}
    return {of: every} if every else of


def _relative(path: Path, folder: Path) -> str:
    """The path as the config writes it: relative to the config's folder, with forward slashes."""
    if path.is_absolute():
        return path.as_posix()
    return Path(os.path.relpath(path, folder)).as_posix()
