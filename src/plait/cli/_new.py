"""`plait new`: a config from a look at a table, with the reason of each guess beside it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from plait._names import did_you_mean
from plait.config import dump
from plait.errors import ConfigError, DataError
from plait.table import Guess, Table, infer

_MOST_TARGETS = 3
_PARTS = "it says which part a row belongs to"
_KEY = "it names the row"


def new(
    table: str,
    *,
    output: Path | None = None,
    targets: tuple[str, ...] = (),
    root: Path | None = None,
) -> None:
    """Prints the config, or writes it to a file.

    Args:
        table: the table's path.
        output: a file that is not there yet, or None.
        targets: columns to predict; guessed if empty.
        root: the folder that media paths are relative to.

    Raises:
        DataError: the table cannot be read, or nothing in it could be read or predicted.
        ConfigError: an unknown target, or a file that is there already.
    """
    read = Table.read(table, root)
    text = _config(read, table, targets, root)
    if output is None:
        print(text, end="")
        return
    if output.exists():
        raise ConfigError(f"'{output}' is there already. Choose another name, or remove it.")
    output.write_text(text)
    print(f"wrote {output}; next: plait check {output}")


def _config(table: Table, path: str, targets: tuple[str, ...], root: Path | None) -> str:
    guesses = infer(table)
    answers = _targets(guesses, targets, table)
    answered = {guess.column for guess in answers}
    read = [g for g in guesses if g.feature and g.column not in answered]
    if not read:
        raise DataError(f"{table.name}: no column is left for the model to read.")
    document: dict[str, Any] = {"data": path}
    comments: dict[tuple[str, ...], str] = {}
    if root is not None:
        document["root"] = str(root)
    for guess in guesses:
        if guess.reason == _PARTS and "split" not in document:
            document["split"] = guess.column
            comments["split",] = guess.reason
        if guess.reason.startswith(_KEY) and "key" not in document:
            document["key"] = guess.column
            comments["key",] = guess.reason
    document["features"] = {}
    for guess in read:
        document["features"][guess.column] = _declared(str(guess.feature), guess.arguments)
        comments["features", guess.column] = guess.reason
    document["tasks"] = {}
    for guess in answers:
        document["tasks"][guess.column] = str(guess.task)
        comments["tasks", guess.column] = guess.reason
    out = [g for g in guesses if not g.feature and g.column not in answered]
    left = [g for g in out if g.column not in (document.get("split"), document.get("key"))]
    head = [
        f"{table.num_rows} rows of {table.name}. A guess: read it, edit it, then",
        "  plait check FILE     plait fit FILE",
        "`plait describe` lists what else can stand here.",
        *(f"Left out: {g.column}: {g.reason}." for g in left),
    ]
    return dump(document, comments, "\n".join(head))


def _targets(guesses: Sequence[Guess], wanted: tuple[str, ...], table: Table) -> list[Guess]:
    by_name = {guess.column: guess for guess in guesses}
    for name in wanted:
        if name not in by_name:
            raise ConfigError(
                f"{table.name} has no column '{name}'.{did_you_mean(name, table.columns)}"
            )
        if by_name[name].task is None:
            raise DataError(
                f"column '{name}' of {table.name} cannot be predicted: {by_name[name].reason}."
            )
    if wanted:
        return [by_name[name] for name in wanted]
    likely = sorted((g for g in guesses if g.task), key=lambda g: -g.target_score)
    best = [g for g in likely if g.target_score >= 2.0][:_MOST_TARGETS] or likely[:1]
    if not best:
        raise DataError(
            f"{table.name}: no column looks like something to predict. Name one: --target COLUMN."
        )
    return [g for g in guesses if g in best]


def _declared(name: str, arguments: Any) -> Any:
    return {name: dict(arguments)} if arguments else name
