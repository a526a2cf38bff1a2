"""Columns that answer for a part of another: a picture's masks and boxes, a text's tags."""

import io
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pyarrow as pa

from plait.table._guess import Guess
from plait.table._table import Table

_MOST_TAGS = 200
_MOST_CLASSES = 40
_LOOKED_AT = 5
"""How many masks are opened."""
_PLAIN = ("1", "L", "P")
"""The modes of pictures of one number a pixel."""
_SURE = 3.0
"""Such columns can hardly be anything but answers."""
_SPAN = re.compile(r"[BI]-.+")


def guess_within(table: Table, guesses: Sequence[Guess]) -> list[Guess]:
    """The guesses, where a column answers for a part of another with that in mind.

    Args:
        table: a sample of the rows.
        guesses: one for each column, in the table's order.
    """
    found = {guess.column: guess for guess in guesses}
    for find in (_masks, _boxes, _tags):
        found |= {guess.column: guess for guess in find(table, found)}
    return list(found.values())


def _answer(column: str, task: str, reason: str, **arguments: Any) -> Guess:
    return Guess(column, None, reason, arguments, task=task, target_score=_SURE)


def _masks(table: Table, guesses: Mapping[str, Guess]) -> Iterator[Guess]:
    pictures = [name for name, guess in guesses.items() if guess.feature == "Image"]
    taken: set[str] = set()
    for mask in pictures:
        for of in pictures:
            if of == mask or {of, mask} & taken:
                continue
            classes = _classes_of_masks(table, mask, of)
            if classes:
                taken.add(mask)
                reason = f"pictures of the size of '{of}' with {classes} values: masks of it"
                yield _answer(mask, "Segmentation", reason, of=of)


def _classes_of_masks(table: Table, mask: str, of: str) -> int:
    """How many values the pictures have, if they are masks of others; 0 if they are not."""
    values: set[int] = set()
    there = np.flatnonzero(~(table.column(mask).is_missing() | table.column(of).is_missing()))
    few = table.take(there[:: max(1, len(there) // _LOOKED_AT)])
    columns = (few.column(name).values.to_pylist() for name in (mask, of))
    for label, picture in zip(*columns, strict=True):
        try:
            with _opened(label, table) as marks, _opened(picture, table) as seen:
                if marks.mode not in _PLAIN or marks.size != seen.size or seen.mode == "1":
                    return 0
                values |= set(np.unique(np.asarray(marks)).tolist())
                if len(values) > _MOST_CLASSES or (seen.mode in _PLAIN and _is_mask(seen)):
                    return 0
        except OSError:
            return 0
    return len(values) if len(values) > 1 else 0


def _is_mask(picture: PIL.Image.Image) -> bool:
    return len(np.unique(np.asarray(picture))) <= _MOST_CLASSES


def _opened(cell: Any, table: Table) -> PIL.Image.Image:
    if isinstance(cell, bytes):
        return PIL.Image.open(io.BytesIO(cell))
    if not isinstance(table.root, Path | None):
        raise OSError("pictures that are not on a disk are not looked at")
    return PIL.Image.open((table.root or Path()) / cell)


def _boxes(table: Table, guesses: Mapping[str, Guess]) -> Iterator[Guess]:
    pictures = [name for name, guess in guesses.items() if guess.feature == "Image"]
    if not pictures:
        return
    lists = {name: found for name in table.columns if (found := _json_lists(table, name))}
    labels: dict[str, list[int]] = {}
    for name, cells in lists.items():
        if all(isinstance(label, str) for cell in cells for label in cell or ()):
            labels[name] = [-1 if cell is None else len(cell) for cell in cells]
    for name, cells in lists.items():
        boxes = [box for cell in cells for box in cell or ()]
        if not boxes or not all(map(_is_box, boxes)):
            continue
        counts = [-1 if cell is None else len(cell) for cell in cells]
        named = next((other for other, found in labels.items() if found == counts), None)
        reason = f"lists of boxes, up to {max(counts)} in a picture"
        of = {"of": pictures[0]}
        if named is None:
            yield _answer(name, "Boxes", reason, **of)
            continue
        del labels[named]
        yield _answer(name, "Boxes", f"{reason}; '{named}' names each", **of, labels=named)
        yield Guess(named, None, f"it names the boxes of '{name}'")


def _json_lists(table: Table, name: str) -> list[list[Any] | None]:
    """The lists that all cells hold, or hold as JSON text; nothing if one does not."""
    found: list[list[Any] | None] = []
    for cell in _cells(table, name):
        try:
            items = json.loads(cell or "null") if isinstance(cell, str) else cell
        except ValueError:
            return []
        if not isinstance(items, list | None):
            return []
        found.append(items)
    return found


def _is_box(cell: Any) -> bool:
    if isinstance(cell, dict):
        return {"x0", "y0", "x1", "y1"} <= cell.keys()
    if not isinstance(cell, list) or len(cell) not in (4, 5):
        return False
    sides = cell[:4]
    if not all(isinstance(side, int | float) and side >= 0 for side in sides):
        return False
    return sides[0] < sides[2] and sides[1] < sides[3]


def _tags(table: Table, guesses: Mapping[str, Guess]) -> Iterator[Guess]:
    """A text has tags where another column has as many elements in every row, but fewer kinds."""
    tokens = {name: found for name in guesses if (found := _elements(table, name))}
    kinds = {
        name: len({t for row in rows or () for t in row or ()}) for name, rows in tokens.items()
    }
    taken: set[str] = set()
    for of in sorted(tokens, key=lambda name: -kinds[name]):
        if of in taken or kinds[of] < 2:
            continue
        tags = [
            name
            for name, rows in tokens.items()
            if name not in taken
            and name != of
            and kinds[name] <= min(_MOST_TAGS, kinds[of] / 2)
            and _match(rows, tokens[of])
        ]
        for name in tags:
            spans = all(
                t == "O" or _SPAN.fullmatch(t) for row in tokens[name] for t in row or () if t
            )
            told = "spans of" if spans else "one for each token of"
            yield _answer(name, "Tagging", f"{kinds[name]} tags, {told} '{of}'", of=of)
        if tags:
            taken |= {of, *tags}
            if guesses[of].feature != "Text":
                yield Guess(of, "Text", "its tokens have tags")


def _elements(table: Table, name: str) -> list[list[str] | None]:
    """The tokens of each row's text or list; nothing if a cell holds something else."""
    found: list[list[str] | None] = []
    for cell in _cells(table, name):
        tokens = cell.split() if isinstance(cell, str) else cell
        if not isinstance(tokens, list | None):
            return []
        if not all(isinstance(token, str) for token in tokens or ()):
            return []
        found.append(tokens or None)
    return found


def _match(tags: Sequence[list[str] | None], tokens: Sequence[list[str] | None]) -> bool:
    """Whether rows that have both have as many, and not always the same number."""
    lengths = set()
    for marks, words in zip(tags, tokens, strict=True):
        if marks and words:
            if len(marks) != len(words):
                return False
            lengths.add(len(words))
    return len(lengths) > 1


def _cells(table: Table, name: str) -> list[Any]:
    """The cells of a column of texts or of lists; none of another, such as of pictures' bytes."""
    kind = table.column(name).type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_list(kind):
        cells: list[Any] = table.column(name).values.to_pylist()
        return cells
    return []
