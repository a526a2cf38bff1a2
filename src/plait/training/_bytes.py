"""How many bytes, as a user writes it."""

import re

from plait.errors import ConfigError

_UNITS = {"MB": 10**6, "GB": 10**9, "TB": 10**12}
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([MGT]B)", re.IGNORECASE)


def read_bytes(name: str, given: str) -> int:
    """`"500MB"`, `"4GB"` and `"1.5TB"` in bytes.

    Args:
        name: of the argument of `Training`, for the message.
        given: what it was given.

    Raises:
        ConfigError: it is none of these, or nothing at all.
    """
    size = _SIZE.fullmatch(given.strip()) if isinstance(given, str) else None
    if size is None or not float(size[1]) > 0:
        raise ConfigError(
            f"Training: {name} is a size such as '500MB', '4GB' or '1TB'. Received: {given!r}.",
            (name,),
        )
    return int(float(size[1]) * _UNITS[size[2].upper()])


def bytes_in_words(count: float) -> str:
    """Such as "0.3 MB", "340 MB" or "1.2 GB"."""
    units = [unit for unit, size in _UNITS.items() if count >= 0.9995 * size]
    unit = units[-1] if units else "MB"
    size = count / _UNITS[unit]
    return f"{size:.0f} {unit}" if size >= 9.95 else f"{size:.1f} {unit}"
