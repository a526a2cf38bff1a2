"""What a run leaves behind: every file there whole, the model last."""

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from plait._beside import written_beside
from plait._names import to_plain
from plait.data import Findings
from plait.inference import Declaration, Predictor
from plait.table import Table
from plait.training._environment import environment
from plait.training._history import HISTORY_FILE, write_history
from plait.training._media_files import media_readers
from plait.training._notes import plain_findings
from plait.training._selection import Epoch

MODEL_FILE = "model.plait"
METRICS = "metrics"
"""The document of the scores that a run came to."""
SCORES = "scores"
"""That of the scores of a fold on its own rows."""
GATES = "gates"
"""That of how fusion and sharing weigh their parts on validation rows, where they do."""


def write_run(
    folder: Path,
    predictor: Predictor,
    history: Sequence[Epoch],
    documents: Mapping[str, Any],
) -> None:
    """Writes what came of a run that is over, all of it or nothing.

    The model, which is what makes the folder a run, is written last.

    Args:
        folder: made if it is not there.
        predictor: with the best weights.
        history: every epoch.
        documents: more files of JSON data, by name without the suffix.
    """
    table = folder / HISTORY_FILE
    try:
        write_documents(folder, documents)
        write_history(folder, history)
        predictor.save(folder / MODEL_FILE)
    except BaseException:
        for path in (table, *(folder / f"{name}.json" for name in documents)):
            path.unlink(missing_ok=True)
        raise


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
        "environment": environment(
            arguments["seed"],
            _start(arguments),
            media_readers(declaration.features, declaration.tasks),
            **parts,
        ),
    }


def folds_documents(arguments: Mapping[str, Any], table: Table) -> dict[str, Any]:
    """What is known of a run of folds before the first one trains: JSON data by name.

    Args:
        arguments: of the learner, and `folds`, what parts the rows.
        table: all rows.
    """
    return {
        "config": to_plain(arguments),
        "environment": environment(
            arguments["seed"],
            _start(arguments),
            media_readers(arguments["features"], arguments["tasks"]),
            table=table,
        ),
    }


def _start(arguments: Mapping[str, Any]) -> str | None:
    training = arguments["training"]
    return None if training is None else training.start


def outcome_documents(
    best: Epoch,
    coverage: Mapping[str, Any],
    findings: Mapping[str, Findings],
    ended: str | None = None,
) -> dict[str, Any]:
    """What came of a run: JSON data by name.

    Args:
        best: the epoch that was kept.
        coverage: how many rows are labelled, by task.
        findings: broken and cut cells, by part.
        ended: a line about what ended it before its last epoch, if something did.
    """
    early = {} if ended is None else {"ended": ended}
    return {
        METRICS: {**best.selected_by, **early, "labels": coverage},
        "findings": {part: plain_findings(found) for part, found in findings.items()},
    }


def write_documents(folder: Path, documents: Mapping[str, Any]) -> None:
    """Writes `<name>.json` for each document of plain data; numbers that are not finite are null."""
    for name, content in documents.items():
        with written_beside(folder / f"{name}.json") as part:
            part.write_text(as_json(content) + "\n", encoding="utf-8")


def as_json(content: Any) -> str:
    """A document of plain data as it is written."""
    return json.dumps(_finite(content), ensure_ascii=False, indent=1, allow_nan=False)


def _finite(value: Any) -> Any:
    """JSON has no NaN: a number that is none becomes null."""
    if isinstance(value, Mapping):
        return {str(key): _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
