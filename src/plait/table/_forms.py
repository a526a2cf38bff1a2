"""Forms that text has where it stands for a time or an amount."""

import re
from collections.abc import Sequence
from datetime import datetime

_PARSES = 0.9
"""The share of cells that must have a form: some cells of any real column are odd."""

_MONTH = r"(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.?"
_ISO_DATE = re.compile(r"\d{4}-\d{2}-\d{2}([T ].*)?$")
_DATE = re.compile(
    r"(\d{1,2}[/.-]\d{1,2}[/.-](\d{4}|\d{2})|(19|20)\d{2}[/.-]\d{1,2}([/.-]\d{1,2})?"
    rf"|\d{{1,2}}\.?[ -]{_MONTH}[ -]\d{{2,4}}|{_MONTH} (\d{{1,2}},? )?\d{{4}})"
    r"([T ,]+\d{1,2}:\d{2}.*)?$",
    re.I,
)
_CLOCK = re.compile(r"\d{1,2}:\d{2}(:\d{2}(\.\d+)?)?( ?[ap]\.?m\.?)?$", re.I)
_MONEY = re.compile(
    r"[$€£]?\s*-?((\d+|\d{1,3}(,\d{3})+)(\.\d+)?|(\d+|\d{1,3}([. ]\d{3})+)(,\d+)?)\s*[%$€£]?$"
)
# A single letter behind a digit is rather the end of a code (12A) than a unit, but for a few.
_MEASURE = re.compile(r"[-+]?\d+([.,]\d+)?(\s*(?P<unit>[^\W\d_]{2,7}|°[CF]|[gml])|\s+(?P<one>\w))$")


def is_clock(texts: Sequence[str]) -> bool:
    """Whether they are times of day, such as 12:30."""
    return _share(_CLOCK, texts) >= _PARSES


def is_iso_date(texts: Sequence[str]) -> bool:
    """Whether they are dates such as 2026-01-31, perhaps with a time."""
    return _share(_ISO_DATE, texts) >= _PARSES


def is_readable_date(text: str) -> bool:
    """Whether it is a date or time as ISO 8601 has it."""
    try:
        datetime.fromisoformat(text.strip())
    except ValueError:
        return False
    return True


def is_date(texts: Sequence[str]) -> bool:
    """Whether they are dates, such as 31/01/2026, 31 Jan 2026 and 2026-01."""
    return _share(_DATE, texts) >= _PARSES


def is_amount(texts: Sequence[str]) -> bool:
    """Whether they are numbers with signs of money, per cents or separators of thousands."""
    return _share(_MONEY, texts) >= _PARSES


def is_measure(texts: Sequence[str]) -> bool:
    """Whether they are numbers with one and the same unit, such as 12 kg."""
    found = [_MEASURE.match(text.strip()) for text in texts]
    units = [match["unit"] or match["one"] for match in found if match]
    return len(units) >= _PARSES * len(texts) and len(set(units)) == 1


def _share(form: re.Pattern[str], texts: Sequence[str]) -> float:
    return sum(form.match(text.strip()) is not None for text in texts) / len(texts)
