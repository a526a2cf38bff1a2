"""What each column of a strange table seems to be, and why."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from plait.table._column import Column
from plait.table._table import Table
from plait.table._words import snake

_PICTURES = {".jpg", ".jpeg", ".png", ".gif", ".bmp", ".webp", ".tif", ".tiff"}
_SOUNDS = {".wav", ".flac", ".ogg", ".mp3", ".aiff"}
_PICTURE_BYTES = (b"\xff\xd8\xff", b"\x89PNG", b"GIF8", b"BM")
_SOUND_BYTES = (b"fLaC", b"OggS", b"ID3", b"\xff\xfb")
_PARTS = {"train", "training", "valid", "validation", "val", "dev", "test"}
_YES_NO = {"yes", "no", "true", "false", "y", "n", "0", "1", "0.0", "1.0"}
_KEY_NAME = re.compile(r"(^|_)(id|uuid|guid|key|index|row|record|no)$", re.I)
_TARGET_NAME = re.compile(
    r"(^|_)(target|label|class|y|outcome|response|rating|score|price|churn|default|survived|category"
    r"|recommended|sentiment|intent|diagnosis)(_(name|label))?$|^(is|has|y)_",
    re.I,
)
_MONEY = re.compile(
    r"^\s*[$€£]?\s*-?((\d+|\d{1,3}(,\d{3})+)(\.\d+)?|(\d+|\d{1,3}([. ]\d{3})+)(,\d+)?)\s*[%$€£]?\s*$"
)
_BYTES = (pa.types.is_binary, pa.types.is_large_binary, pa.types.is_fixed_size_binary)
_SEPARATORS = ("|", ";")
_SAMPLE = 2_000
_FEW = 20
_MANY = 200
_PARSES = 0.9
_FILES = 20
"""About how many paths are looked for before a column is taken for one of files."""


@dataclass(frozen=True)
class Guess:
    """What a column seems to be.

    Attributes:
        column: its name.
        feature: the class of feature that would read it, or None to leave it out.
        arguments: that class' arguments.
        reason: why, in a sentence.
        task: the class of task that could answer it, or None.
        names_rows: whether it only tells which row it is; some cells may be empty.
        target_score: how much it looks like something to predict, 0 and more.
    """

    column: str
    feature: str | None
    reason: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    task: str | None = None
    names_rows: bool = False
    target_score: float = 0.0


def infer(table: Table) -> list[Guess]:
    """A guess for each column, from up to 2,000 of its cells, in the table's order."""
    count = min(_SAMPLE, table.num_rows)
    sample = table.take(np.linspace(0, table.num_rows - 1, count).astype("int64"))
    guesses = [_guess(sample.column(name), table.column(name)) for name in table.columns]
    last = len(guesses) - 1
    return [_as_target(guess, place == last) for place, guess in enumerate(guesses)]


def _guess(column: Column, whole: Column) -> Guess:
    name, kind = column.name, column.values.type
    if not name:
        return Guess(name, None, "it has no name; give it one to use it")
    if isinstance(kind, pa.BaseExtensionType):
        # Arrow neither compares nor casts them, so that no feature or task can read one.
        return Guess(name, None, f"its cells are {kind}, which no feature reads")
    present = ~column.is_missing()
    if not present.any():
        return Guess(name, None, "it is empty")
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return Guess(name, None, "each cell is a list: a set of labels", task="Multilabel")
    if any(is_bytes(kind) for is_bytes in _BYTES):
        return _of_bytes(name, column.values.drop_null()[0].as_py())
    if pa.types.is_nested(kind):
        return Guess(name, None, f"its cells are {kind}, which no feature reads")
    if pa.types.is_temporal(kind):
        return Guess(name, None, "it holds dates or times; split by it with `split: {after: ...}`")
    values = [v for v, there in zip(column.values.to_pylist(), present, strict=True) if there]
    distinct = len({str(v) for v in values})
    if distinct == 1:
        return Guess(name, None, f"it always says {values[0]!r}")
    if {str(v).strip().lower() for v in values} <= _PARTS:
        return Guess(name, None, "it says which part a row belongs to")
    if pa.types.is_boolean(kind) or {str(v).strip().lower() for v in values} <= _YES_NO:
        return Guess(name, "Category", "it says yes or no", task="Binary")
    whole_distinct = len(pc.unique(whole.values.drop_null()))
    is_key = whole_distinct == len(whole) - whole.values.null_count and len(whole) > _FEW
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        texts = [str(v) for v in values]
        return _of_paths(name, texts, column.root) or _of_text(name, texts, distinct, is_key)
    # As many different whole numbers as lie between the least and the greatest: they count rows.
    ends = pc.min_max(whole.values).as_py()
    counts = is_key and ends["max"] - ends["min"] == whole_distinct - 1
    return _of_numbers(name, values, distinct, is_key, counts)


def _row_name(column: str) -> Guess:
    return Guess(column, None, "it names the row: every value is different", names_rows=True)


def _of_bytes(name: str, first: bytes) -> Guess:
    if first.startswith(_PICTURE_BYTES) or first[8:12] == b"WEBP":
        return Guess(name, "Image", "its cells are the bytes of pictures")
    if first.startswith(_SOUND_BYTES) or first[8:12] == b"WAVE":
        return Guess(name, "Audio", "its cells are the bytes of sounds")
    return Guess(name, None, "its cells are bytes of a kind that no feature reads")


def _of_numbers(name: str, values: list[Any], distinct: int, is_key: bool, counts: bool) -> Guess:
    integers = all(float(v).is_integer() for v in values)
    if integers and is_key and (_is_key_name(name) or counts):
        return _row_name(name)
    if integers and _is_key_name(name) and distinct < len(values):
        return Guess(name, "Category", f"whole numbers that name something, {distinct} of them")
    if integers and distinct <= _FEW and max(map(float, values)) < 1000:
        task = "Binary" if distinct == 2 else "Multiclass"
        return Guess(name, "Category", f"whole numbers of {distinct} kinds", task=task)
    return Guess(name, "Number", "numbers", task="Regression")


def _of_paths(name: str, values: list[str], root: Path | None) -> Guess | None:
    """A guess where every cell ends like the name of a picture or a sound."""
    ends = {PurePosixPath(v).suffix.lower() for v in values[:100]}
    kinds = (("Image", "pictures", _PICTURES), ("Audio", "sounds", _SOUNDS))
    for feature, noun, known in kinds:
        if ends <= known:
            paths = f"paths of {noun} ({', '.join(sorted(ends))})"
            # A table of recordings often names files that its maker alone has.
            some = values[:: max(1, len(values) // _FILES)]
            if root is not None and not any(os.path.isfile(root / v) for v in some):
                return Guess(
                    name,
                    None,
                    f"its cells look like {paths}, but none such as {values[0]!r} is in '{root}'; "
                    "`plait new --root DIR` looks in another folder",
                )
            return Guess(name, feature, f"its cells are {paths}")
    return None


def _of_text(name: str, values: list[str], distinct: int, is_key: bool) -> Guess:
    if all(re.match(r"^-?\d+$", v) for v in values) and any(re.match(r"^-?0\d", v) for v in values):
        if is_key:
            return _row_name(name)
        reason = f"codes of digits with leading zeros, {distinct} of them"
        return Guess(name, "Category", reason, task="Binary" if distinct == 2 else "Multiclass")
    odd = sorted({v for v in values if not _is_number(v)})
    wrong = sum(1 for v in values if not _is_number(v))
    if wrong <= (1 - _PARSES) * len(values) and len(odd) <= _FEW:
        arguments = {"missing": odd} if odd else {}
        told = f", but for {', '.join(map(repr, odd))}, taken as missing" if odd else ""
        return Guess(name, "Number", f"numbers written as text{told}", arguments, "Regression")
    if sum(1 for v in values if _MONEY.match(v)) >= _PARSES * len(values):
        return Guess(
            name,
            None,
            "amounts with signs or separators, such as "
            f"{values[0]!r}: write them as plain numbers to use them",
        )
    if sum(1 for v in values if re.match(r"^\d{4}-\d{2}-\d{2}", v)) >= _PARSES * len(values):
        return Guess(name, None, "it holds dates or times; split by it with `split: {after: ...}`")
    words = float(np.mean([len(v.split()) for v in values]))
    if is_key and (_is_key_name(name) or words == 1) and max(map(len, values)) <= 40:
        return _row_name(name)
    for separator in _SEPARATORS:
        if sum(separator in v for v in values) > 0.2 * len(values):
            parts = {p.strip() for v in values for p in v.split(separator)}
            if len(parts) <= _MANY:
                reason = f"sets of {len(parts)} labels, separated by {separator!r}"
                return Guess(name, "Text", reason, task="Multilabel")
    if distinct <= _FEW or (distinct <= _MANY and distinct < 0.2 * len(values) and words < 4):
        task = "Binary" if distinct == 2 else "Multiclass"
        return Guess(name, "Category", f"{distinct} different values", task=task)
    told = f"text of about {words:.0f} words" if words >= 1.5 else "strings of one word"
    return Guess(name, "Text", told)


def _as_target(guess: Guess, is_last: bool) -> Guess:
    if guess.task is None:
        return guess
    score = 2.0 * bool(_TARGET_NAME.search(snake(guess.column))) + 0.5 * is_last
    score += 0.5 * (guess.task == "Multilabel")
    return Guess(**{**vars(guess), "target_score": score})


def _is_key_name(name: str) -> bool:
    return _KEY_NAME.search(snake(name)) is not None


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
