"""What a run leaves behind: every file there whole, the model last."""

import dataclasses
import json
import math
import os
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from plait._beside import written_beside
from plait._names import to_plain
from plait.data import Findings
from plait.errors import ConfigError
from plait.inference import Declaration, Predictor
from plait.table import Table
from plait.training._environment import environment
from plait.training._history import write_history
from plait.training._notes import plain_findings
from plait.training._selection import Epoch

MODEL_FILE = "model.plait"


def write_run(
    folder: Path,
    predictor: Predictor,
    history: Sequence[Epoch],
    documents: Mapping[str, Any],
) -> None:
    """Writes `runs/<name>/`.

    This is called when it is over, and the model, which is what makes the folder a run, is written
    last.

    Args:
        folder: made if it is not there.
        predictor: with the best weights.
        history: every epoch.
        documents: more files of JSON data, by name without the suffix.
    """
    epochs = [dataclasses.asdict(epoch) for epoch in history]
    write_documents(folder, {**documents, "history": epochs})
    write_history(folder, history)
    predictor.save(folder / MODEL_FILE)


def begin_documents(
    arguments: Mapping[str, Any], declaration: Declaration, parts: Mapping[str, Table]
) -> dict[str, Any]:
    """What is known of a run before it trains: JSON data by name.

    Args:
        arguments: of the learner, as it runs.
        declaration: fitted.
        parts: the rows of each part.
    """
    plain = declaration.to_plain()
    return {
        "config": to_plain(arguments),
        "features": plain["features"],
        "tasks": plain["tasks"],
        "environment": environment(arguments["seed"], **parts),
    }


def outcome_documents(
    best: Epoch, coverage: Mapping[str, Any], findings: Mapping[str, Findings]
) -> dict[str, Any]:
    """What came of a run: JSON data by name.

    Args:
        best: the epoch that was kept.
        coverage: how many rows are labelled, by task.
        findings: broken and cut cells, by part.
    """
    return {
        "metrics": {**best.selected_by, "labels": coverage},
        "findings": {part: plain_findings(found) for part, found in findings.items()},
    }


def write_documents(folder: Path, documents: Mapping[str, Any]) -> None:
    """Writes `<name>.json` for each document of plain data; numbers that are not finite are null."""
    for name, content in documents.items():
        with written_beside(folder / f"{name}.json") as part:
            text = json.dumps(_finite(content), ensure_ascii=False, indent=1, allow_nan=False)
            part.write_text(text + "\n", encoding="utf-8")


def run_folder(run: str | Path | bool) -> Path | None:
    """Where a run goes, not made yet.

    Args:
        run: a folder; True is `runs/<date and time>`, False is none.

    Raises:
        ConfigError: the folder holds something, or cannot be written.
    """
    if run is False:
        return None
    path = Path("runs", f"{datetime.now():%Y-%m-%d-%H%M%S}") if run is True else Path(run)
    if os.path.exists(path) and (not path.is_dir() or any(path.iterdir())):
        raise ConfigError(
            f"'{path}' is there and holds something, and a run is never written over. Choose "
            "another folder, or remove it."
        )
    _probe(path)
    return path


def _probe(path: Path) -> None:
    """Makes the folder and a file in it, and leaves nothing: better told now than after training."""
    made: list[Path] = []
    try:
        for step in reversed([path, *path.parents]):
            if not step.exists():
                step.mkdir()
                made.append(step)
        with tempfile.TemporaryFile(dir=path):
            pass
    except OSError as error:
        raise ConfigError(
            f"The run's folder '{path}' cannot be written: {error.strerror}. Choose another folder."
        ) from error
    finally:
        for step in reversed(made):
            # Another run may have put something there meanwhile.
            with suppress(OSError):
                step.rmdir()


def _finite(value: Any) -> Any:
    """JSON has no NaN: a number that is none becomes null."""
    if isinstance(value, Mapping):
        return {str(key): _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
