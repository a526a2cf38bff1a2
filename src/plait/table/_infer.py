"""What each column of a strange table seems to be, and why."""

import os
import re
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from plait.table._column import Column
from plait.table._guess import Guess, row_name
from plait.table._infer_lists import guess_lists
from plait.table._infer_text import LONGEST, guess_text
from plait.table._infer_within import guess_within
from plait.table._markers import markers
from plait.table._table import Table
from plait.table._words import is_key_name, snake

_PICTURES = {".jpg", ".jpeg", ".png", ".gif", ".bmp", ".webp", ".tif", ".tiff"}
_SOUNDS = {".wav", ".flac", ".ogg", ".mp3", ".aiff"}
_PICTURE_BYTES = (b"\xff\xd8\xff", b"\x89PNG", b"GIF8", b"BM")
_SOUND_BYTES = (b"fLaC", b"OggS", b"ID3", b"\xff\xfb")
_PARTS = {"train", "training", "valid", "validation", "val", "dev", "test"}
_YES_NO = {"yes", "no", "true", "false", "y", "n", "0", "1", "0.0", "1.0"}
_FOLD_NAME = re.compile(r"(^|_)(fold|folds|kfold|cv)(_(id|no|number|index))?$")
_TARGET_NAME = re.compile(
    r"(^|_)(target|label|class|outcome|response|rating|score|price|churn|default|survived|category"
    r"|recommended|sentiment|intent|diagnosis)(_(name|label))?$|^(is|has|y)_|^y$",
    re.I,
)
_BYTES = (pa.types.is_binary, pa.types.is_large_binary, pa.types.is_fixed_size_binary)
_SAMPLE = 2_000
_FEW = 20
_FILES = 20
"""About how many paths are looked for before a column is taken for one of files."""


def infer(table: Table) -> list[Guess]:
    """A guess for each column, from up to 2,000 of its cells, in the table's order."""
    count = min(_SAMPLE, table.num_rows)
    sample = table.take(np.linspace(0, table.num_rows - 1, count).astype("int64"))
    guesses = [_guess(sample.column(name), table.column(name)) for name in table.columns]
    last = len(guesses) - 1
    guesses = [_as_target(guess, place == last) for place, guess in enumerate(guesses)]
    return guess_within(sample, guesses)


def _guess(column: Column, whole: Column) -> Guess:
    name, kind = column.name, column.type
    if not name:
        return Guess(name, None, "it has no name; give it one to use it")
    if isinstance(kind, pa.BaseExtensionType):
        # Arrow neither compares nor casts them, so that no feature or task can read one.
        return Guess(name, None, f"its cells are {kind}, which no feature reads")
    present = ~column.is_missing()
    if not present.any():
        return Guess(name, None, "it is empty")
    if _is_series(kind) and not (_is_list(kind) and pa.types.is_floating(kind.value_type)):
        return Guess(name, "Series", "each cell holds lists of numbers: a series")
    if _is_list(kind):
        return guess_lists(name, column.values.filter(pa.array(present)))
    if any(is_bytes(kind) for is_bytes in _BYTES):
        return _of_bytes(name, column.cell(int(np.argmax(present))))
    if pa.types.is_nested(kind):
        return Guess(name, None, f"its cells are {kind}, which no feature reads")
    if pa.types.is_time(kind) or pa.types.is_duration(kind):
        return Guess(name, None, "it holds times without a date; Number takes them")
    if pa.types.is_temporal(kind):
        return Guess(name, "Date", "it holds dates; `split: {after: ...}` splits by them")
    values = [v for v, there in zip(column.values.to_pylist(), present, strict=True) if there]
    gaps = markers(whole)
    if not gaps:
        return _of_values(name, values, column, whole)
    rest = [value for value in values if value not in gaps]
    told = f"{', '.join(map(repr, gaps))} taken as missing"
    if not rest:
        return Guess(name, None, f"it is empty, with {told}")
    guess = _of_values(name, rest, column, whole)
    if guess.feature == "Number" and not guess.arguments:
        # They are text for the gaps' sake alone.
        guess = _of_numbers(name, list(map(float, rest)), len(set(rest)), False, False)
    if guess.feature is None and guess.task is None:
        return replace(guess, reason=f"{guess.reason}, with {told}", names_rows=False)
    missing = sorted({*gaps, *guess.arguments.get("missing", ())})
    return replace(guess, reason=f"{guess.reason}; {told}", arguments={"missing": missing})


def _is_series(kind: pa.DataType) -> bool:
    """Whether cells hold measurements step after step; whole numbers alone may be names of labels."""
    if pa.types.is_struct(kind):
        return kind.num_fields > 0 and all(_is_measured(field.type) for field in kind)
    return _is_measured(kind)


def _is_list(kind: pa.DataType) -> bool:
    return bool(
        pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)
    )


def _is_measured(kind: pa.DataType) -> bool:
    if not _is_list(kind):
        return False
    inner = kind.value_type
    fields = [f.type for f in inner] if pa.types.is_struct(inner) else [inner]
    return all(pa.types.is_floating(f) or _is_measured(f) for f in fields)


def _of_values(name: str, values: list[Any], column: Column, whole: Column) -> Guess:
    """A guess from the cells of a sample that say something, and the whole column."""
    kind = column.type
    distinct = len({str(v) for v in values})
    if distinct == 1:
        return Guess(name, None, f"it always says {values[0]!r}", constant=True)
    if {str(v).strip().lower() for v in values} <= _PARTS:
        return Guess(name, None, "it says which part a row belongs to")
    if pa.types.is_boolean(kind) or {str(v).strip().lower() for v in values} <= _YES_NO:
        return Guess(name, "Category", "it says yes or no", task="Binary")
    is_key = len(whole) > _FEW and max(len(str(v)) for v in values) <= LONGEST and _differ(whole)
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        texts = [str(v) for v in values]
        return _of_paths(name, texts, column.root) or guess_text(name, texts, distinct, is_key)
    counts = is_key and _count_rows(whole.values)
    return _of_numbers(name, values, distinct, is_key, counts)


def _differ(column: Column) -> bool:
    """Whether no cell that is there is like another."""
    found = []
    for piece in column.pieces():
        cells = piece.values.drop_null()
        found.append(cells.unique())
        if len(found[-1]) < len(cells):
            return False
    every = pa.chunked_array(found, column.type)
    return len(every.unique()) == len(every)


def _count_rows(numbers: pa.ChunkedArray) -> bool:
    """Whether numbers, all different, are as many as lie between the least and the greatest."""
    ends = pc.min_max(numbers).as_py()
    return bool(ends["max"] - ends["min"] == len(numbers) - numbers.null_count - 1)


def _of_bytes(name: str, first: bytes) -> Guess:
    if first.startswith(_PICTURE_BYTES) or first[8:12] == b"WEBP":
        return Guess(name, "Image", "its cells are the bytes of pictures")
    if first.startswith(_SOUND_BYTES) or first[8:12] == b"WAVE":
        return Guess(name, "Audio", "its cells are the bytes of sounds")
    return Guess(name, None, "its cells are bytes of a kind that no feature reads")


def _of_numbers(name: str, values: list[Any], distinct: int, is_key: bool, counts: bool) -> Guess:
    integers = all(float(v).is_integer() for v in values)
    if integers and distinct <= _FEW and _FOLD_NAME.search(snake(name)):
        return Guess(
            name, None, f"it seems to number folds; `plait fit CONFIG --folds {name}` uses it"
        )
    if integers and is_key and (is_key_name(name) or counts):
        return row_name(name)
    if integers and is_key_name(name) and distinct < len(values):
        return Guess(name, "Category", f"whole numbers that name something, {distinct} of them")
    if integers and distinct <= _FEW and max(map(float, values)) < 1000:
        task = "Binary" if distinct == 2 else "Multiclass"
        return Guess(name, "Category", f"whole numbers of {distinct} kinds", task=task)
    return Guess(name, "Number", "numbers", task="Regression")


def _of_paths(name: str, values: list[str], root: Path | str | None) -> Guess | None:
    """A guess where every cell ends like the name of a picture or a sound."""
    ends = {PurePosixPath(v).suffix.lower() for v in values[:100]}
    kinds = (("Image", "pictures", _PICTURES), ("Audio", "sounds", _SOUNDS))
    for feature, noun, known in kinds:
        if ends <= known:
            paths = f"paths of {noun} ({', '.join(sorted(ends))})"
            # A table of recordings often names files that its maker alone has.
            some = values[:: max(1, len(values) // _FILES)]
            if isinstance(root, Path) and not any(os.path.isfile(root / v) for v in some):
                return Guess(
                    name,
                    None,
                    f"its cells look like {paths}, but none such as {values[0]!r} is in '{root}'; "
                    "`plait new --root DIR` looks in another folder",
                )
            return Guess(name, feature, f"its cells are {paths}")
    return None


def _as_target(guess: Guess, is_last: bool) -> Guess:
    if guess.task is None and not guess.constant:
        return guess
    score = 2.0 * bool(_TARGET_NAME.search(snake(guess.column))) + 0.5 * is_last
    score += 0.5 * (guess.task == "Multilabel")
    return replace(guess, target_score=score)
