"""Addresses without the passwords, keys and signatures in them."""

import re
from typing import Any

_START = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)
_WITHIN = re.compile(rf"{_START.pattern}[^\s'\"]*", re.IGNORECASE)
_HIDDEN = (
    # Digits up to a slash are a port, and an @ behind it is a part of the path.
    (
        re.compile(r"(://[^:/?#@\[]*):(?!\d+(?:[/?#]|$))(?:[^/?#]*|(?:(?!://).)*)@", re.DOTALL),
        r"\1:...@",
    ),
    (
        re.compile(
            r"([?&](?:[^=&#]*(?:passw(?:or)?d|pwd|secret|token|signature|credential|api[-_]?key)"
            r"[^=&#]*|pass|sig|auth|key)=)[^&#]*",
            re.IGNORECASE,
        ),
        r"\1...",
    ),
)


def without_passwords(text: str) -> str:
    """The text with dots in the place of what opens the addresses in it.

    In an address, that is a password before the host (`ftp://user:password@host`), and passwords,
    keys, tokens and signatures behind the `?`. In other text an address ends at a blank or a quote.
    """
    if _START.match(text):
        return _hidden(text)
    return _WITHIN.sub(lambda address: _hidden(address[0]), text)


def document_without_passwords(document: Any) -> Any:
    """Dicts, lists and scalars, in which no text that is an address has a password."""
    if isinstance(document, dict):
        return {key: document_without_passwords(value) for key, value in document.items()}
    if isinstance(document, list):
        return [document_without_passwords(value) for value in document]
    if isinstance(document, str) and _START.match(document):
        return _hidden(document)
    return document


def _hidden(address: str) -> str:
    for pattern, dots in _HIDDEN:
        address = pattern.sub(dots, address)
    return address
