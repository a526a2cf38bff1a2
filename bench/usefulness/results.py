"""The finished runs: one line of JSON each in a file, so that what was stopped can go on."""

import json
from pathlib import Path
from typing import Any

KEY = ("data", "part", "method", "learning_rate", "seed")
Record = dict[str, Any]


class Results:
    """The runs in a file, by what they are runs of; of two of the same, the later."""

    def __init__(self, path: Path) -> None:
        self.path = path
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        self._found = {_key(record): record for record in map(_parsed, lines) if record}

    def __contains__(self, key: Record) -> bool:
        """Whether such a run was finished; one that failed is to be tried again."""
        return "scores" in self._found.get(_key(key), {})

    def add(self, record: Record) -> None:
        self._found[_key(record)] = record
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a", encoding="utf-8") as file:
            # On a line of its own even if the one before was cut off.
            file.write("\n" + json.dumps(record))

    def where(self, **known: Any) -> list[Record]:
        """The runs of which this is known."""
        return [r for r in self._found.values() if all(r[k] == v for k, v in known.items())]


def _key(record: Record) -> tuple:
    return tuple(record[name] for name in KEY)


def _parsed(line: str) -> Record | None:
    """A line's record; None for one that was cut off while it was written."""
    try:
        return json.loads(line)
    except json.JSONDecodeError:
        return None
