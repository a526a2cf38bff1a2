"""Times as a person writes them: 30s, 5m, 1h."""

import re
from typing import Any

_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0}
_TIME = re.compile(r"(\d+(?:\.\d+)?)\s*([smh])")


def seconds_in(given: Any) -> float | None:
    """The seconds of such a text; None for anything else, and for no time at all."""
    found = _TIME.fullmatch(given.strip()) if isinstance(given, str) else None
    if found is None or not float(found[1]) > 0:
        return None
    return float(found[1]) * _UNITS[found[2]]
