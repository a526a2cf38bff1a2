"""TensorBoard: event files in the run's folder."""

import json
import os
import socket
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from plait.errors import ConfigError
from plait.trackers._tracker import Begun, Outcome, Tracker, package

_EXTRA = "tensorboard"


class TensorBoard(Tracker):
    """Writes what `tensorboard --logdir runs` shows.

    The events are encoded by TensorBoard's own package and written by plait: its writer imports
    TensorFlow wherever that is installed.

    Args:
        folder: where to, in a folder of the run's name; `tensorboard/` in the run's own folder if
            None.

    Example:
        plait.Training(trackers=[plait.TensorBoard()])
    """

    def __init__(self, folder: str | None = None) -> None:
        self.folder = folder
        self._records: Any = None
        self._events: Any = None
        self._is_new_session = True

    def start(self, run: Begun) -> None:
        if self.folder is not None:
            folder = Path(self.folder) / run.name
        elif run.folder is not None:
            folder = run.folder / "tensorboard"
        else:
            raise ConfigError(
                "TensorBoard writes to the run's folder, and this run has none. Give it one: "
                "TensorBoard(folder=...)."
            )
        self._events = package("tensorboard.compat.proto.event_pb2", _EXTRA)
        records = package("tensorboard.summary.writer.record_writer", _EXTRA)
        text = package("tensorboard.plugins.text.summary_v2", _EXTRA)
        folder.mkdir(parents=True, exist_ok=True)
        name = f"events.out.tfevents.{time.time():.0f}.{socket.gethostname()}.{os.getpid()}"
        self._records = records.RecordWriter((folder / name).open("ab"))
        self._is_new_session = True
        self._write(file_version="brain.Event:2")
        for tag, document in (("config", run.config), ("environment", run.environment)):
            self._write(step=0, summary=text.text_pb(tag, _as_code(document)))

    def epoch(self, number: int, numbers: Mapping[str, float]) -> None:
        if self._is_new_session:
            # TensorBoard then forgets what a run that was killed had written of this epoch and later.
            status = self._events.SessionLog(status=self._events.SessionLog.START)
            self._write(step=number, session_log=status)
            self._is_new_session = False
        self._write_numbers(number, numbers)

    def end(self, outcome: Outcome, best: Mapping[str, float]) -> None:
        if best:
            self._write_numbers(int(best["best.epoch"]), best)
        self._records.close()

    def _write_numbers(self, step: int, numbers: Mapping[str, float]) -> None:
        summary = {"value": [{"tag": tag, "simple_value": v} for tag, v in numbers.items()]}
        self._write(step=step, summary=summary)

    def _write(self, **event: Any) -> None:
        encoded = self._events.Event(wall_time=time.time(), **event).SerializeToString()
        self._records.write(encoded)
        self._records.flush()


def _as_code(document: Mapping[str, Any]) -> str:
    """JSON as a block of code in Markdown."""
    lines = json.dumps(document, ensure_ascii=False, indent=1).splitlines()
    return "\n".join(f"    {line}" for line in lines)
