"""A file of the epochs, a line each, as they end."""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import IO

from plait.errors import ConfigError
from plait.trackers._tracker import Begun, Outcome, Tracker


class JSONLines(Tracker):
    """Writes each epoch as one line of JSON when it ends, for whoever watches a run from outside.

    Args:
        file: where to; `epochs.jsonl` in the run's own folder if None. A run that goes on writes behind
            what is there, so that an epoch may come again, with the same numbers.

    Example:
        plait.Training(trackers=[plait.JSONLines()])
    """

    def __init__(self, file: str | None = None) -> None:
        self.file = file
        self._open: IO[str] | None = None

    def start(self, run: Begun) -> None:
        if self.file is None and run.folder is None:
            raise ConfigError(
                "JSONLines writes to the run's folder, and this run has none. Give it a file: "
                "JSONLines(file=...)."
            )
        path = Path(self.file) if self.file is not None else Path(run.folder or "") / "epochs.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        self._open = path.open("a", encoding="utf-8")

    def epoch(self, number: int, numbers: Mapping[str, float]) -> None:
        # JSON has no NaN.
        known = {name: value for name, value in numbers.items() if math.isfinite(value)}
        assert self._open is not None
        self._open.write(json.dumps({"epoch": number, **known}, ensure_ascii=False) + "\n")
        self._open.flush()

    def end(self, outcome: Outcome, best: Mapping[str, float]) -> None:
        if self._open is not None:
            self._open.close()
            self._open = None
