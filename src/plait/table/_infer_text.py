"""What a column of text seems to be: written numbers, dates, names of rows, sets, classes, prose."""

import re

import numpy as np

from plait.table._forms import (
    is_amount,
    is_clock,
    is_date,
    is_iso_date,
    is_measure,
    is_readable_date,
)
from plait.table._guess import Guess, row_name
from plait.table._words import is_key_name

_SEPARATORS = ("|", ";")
_FEW = 20
_MANY = 200
_PARSES = 0.9
LONGEST = 40
"""Characters in a cell that may name its row."""


def guess_text(name: str, values: list[str], distinct: int, is_key: bool) -> Guess:
    """A guess for a column of text.

    Args:
        name: the column's.
        values: the cells of a sample that say something.
        distinct: how many different ones there are.
        is_key: whether all cells of the column are different and short enough to name a row.
    """
    if all(re.match(r"^-?\d+$", v) for v in values) and any(re.match(r"^-?0\d", v) for v in values):
        if is_key:
            return row_name(name)
        reason = f"codes of digits with leading zeros, {distinct} of them"
        return Guess(name, "Category", reason, task="Binary" if distinct == 2 else "Multiclass")
    odd = sorted({v for v in values if not _is_number(v)})
    wrong = sum(1 for v in values if not _is_number(v))
    if wrong <= (1 - _PARSES) * len(values) and len(odd) <= _FEW:
        arguments = {"missing": odd} if odd else {}
        told = f", but for {', '.join(map(repr, odd))}, taken as missing" if odd else ""
        return Guess(name, "Number", f"numbers written as text{told}", arguments, "Regression")
    if is_clock(values):
        return Guess(
            name,
            None,
            f"times of day in a form that is not read, such as {values[0]!r}: write them as 09:30 "
            "for Number",
        )
    if is_iso_date(values):
        return Guess(name, *_of_iso_dates(values))
    if is_date(values):
        return Guess(
            name,
            None,
            f"dates in a form that is not read, such as {values[0]!r}: write them as 2026-01-31 for "
            "Date, or to split by them with `split: {after: ...}`",
        )
    if is_amount(values) or is_measure(values):
        return Guess(
            name,
            None,
            f"amounts with units, signs or separators, such as {values[0]!r}: write them as plain "
            "numbers to use them",
        )
    words = float(np.mean([len(v.split()) for v in values]))
    if is_key and (is_key_name(name) or words == 1):
        return row_name(name)
    for separator in _SEPARATORS:
        if sum(separator in v for v in values) > 0.2 * len(values):
            parts = {p.strip() for v in values for p in v.split(separator)}
            if len(parts) <= _MANY:
                reason = f"sets of {len(parts)} labels, separated by {separator!r}"
                return Guess(
                    name, "CategorySet", reason, {"separator": separator}, task="Multilabel"
                )
    if distinct <= _FEW or (distinct <= _MANY and distinct < 0.2 * len(values) and words < 4):
        task = "Binary" if distinct == 2 else "Multiclass"
        return Guess(name, "Category", f"{distinct} different values", task=task)
    told = f"text of about {words:.0f} words" if words >= 1.5 else "strings of one word"
    return Guess(name, "Text", told)


def _of_iso_dates(values: list[str]) -> tuple[str, str, dict[str, list[str]]] | tuple[None, str]:
    """The feature of a column that mostly holds ISO dates, why, and its arguments."""
    odd = sorted({v for v in values if not is_readable_date(v)})
    if len(odd) > _FEW:
        return None, (
            f"dates as text, of which some cannot be read, such as {odd[0]!r}: write them as "
            "2026-01-31 for Date, or to split by them with `split: {after: ...}`"
        )
    told = f", but for {', '.join(map(repr, odd))}, taken as missing" if odd else ""
    arguments = {"missing": odd} if odd else {}
    return "Date", f"dates as text{told}; `split: {{after: ...}}` splits by them", arguments


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
