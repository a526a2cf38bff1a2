"""The measured rows: one line of JSON each in a file, so that what was stopped can go on."""

import json
from pathlib import Path
from typing import Any

Row = dict[str, Any]
Key = tuple[str, int, str]


class Results:
    """Rows by net, tasks and method; of two of the same, the later.

    Args:
        path: of the file; None keeps them in memory alone.
    """

    def __init__(self, path: Path | None) -> None:
        self.path = path
        lines = path.read_text(encoding="utf-8").splitlines() if path and path.exists() else []
        self._rows = {key_of(row): row for row in map(_parsed, lines) if row}

    def __contains__(self, key: Key) -> bool:
        """Whether it was measured; one that failed is to be tried again."""
        return "ratio" in self._rows.get(key, {})

    def add(self, row: Row) -> None:
        self._rows[key_of(row)] = row
        if self.path:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("a", encoding="utf-8") as file:
                # On a line of its own even if the one before was cut off.
                file.write("\n" + json.dumps(row))

    def rows(self) -> list[Row]:
        return list(self._rows.values())


def key_of(row: Row) -> Key:
    return row["net"], row["tasks"], row["method"]


def _parsed(line: str) -> Row | None:
    """A line's row; None for one that was cut off while it was written."""
    try:
        return json.loads(line)
    except json.JSONDecodeError:
        return None
