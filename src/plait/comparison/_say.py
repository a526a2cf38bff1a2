"""Lines about what goes on."""

import sys


def say(line: str) -> None:
    """Says it at once, beside what the command answers."""
    print(line, file=sys.stderr, flush=True)
