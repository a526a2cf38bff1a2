"""An object of plait's as a person would write it in Python."""

from typing import Any

from plait._names import to_plain


def notation(value: Any) -> str:
    """`Name` or `Name(argument=value)`, with the arguments that differ from their defaults."""
    return _notation(to_plain(value))


def _notation(plain: Any) -> str:
    if isinstance(plain, dict) and len(plain) == 1:
        ((name, arguments),) = plain.items()
        if isinstance(arguments, dict):
            told = ", ".join(f"{key}={_notation(value)}" for key, value in arguments.items())
            return f"{name}({told})"
    return str(plain)
