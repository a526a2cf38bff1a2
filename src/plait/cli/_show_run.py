"""`plait describe RUN`: what a model reads and answers, its size, how well it did, how it weighs."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from plait.cli._notation import notation
from plait.cli._scores_table import records_table, scores_table
from plait.errors import ModelFileError
from plait.inference import Predictor


def show_run(run: Path) -> None:
    """Prints a run or a saved model.

    Raises:
        ModelFileError: the model is or its scores are, cut short, crafted, or from a newer version.
    """
    predictor = Predictor.load(run)
    declaration = predictor.declaration
    print(f"{run}: {predictor.model.count_params():,} weights")
    for name, feature in declaration.features.items():
        column = f" of column '{feature.column}'" if feature.column else ""
        print(f"feature {name}: {type(feature).__name__}{column}, {notation(feature.encoder)}")
    print(f"fusion {notation(declaration.fusion)}, sharing {notation(declaration.sharing)}")
    for name, task in declaration.tasks.items():
        column = f" of column '{task.column}'" if task.column else ""
        print(f"task {name}: {type(task).__name__}{column}")
    if declaration.served_by:
        print(f"auxiliary, and no part of it: {', '.join(declaration.served_by)}")
    for line in [
        *_spelt(run / "metrics.json", "scores", _scores),
        *_spelt(run / "gates.json", "gates", _gates),
    ]:
        print(line)


def _spelt(file: Path, what: str, spell: Callable[[Any], list[str]]) -> list[str]:
    """The lines that tell what a file of the run holds; none of a file that is not there."""
    if not file.is_file():
        return []
    try:
        return spell(json.loads(file.read_text(encoding="utf-8")))
    except (ValueError, TypeError, AttributeError, LookupError, RecursionError) as error:
        raise ModelFileError(
            f"{file} holds no {what} of a run ({type(error).__name__}: {error}). Remove it; the "
            "model itself answers."
        ) from error


def _scores(metrics: Any) -> list[str]:
    lines = []
    if metrics.get("validation"):
        lines += [f"validation scores, epoch {metrics.get('epoch')}:"]
        lines += [scores_table(metrics["validation"])]
    if beside := (metrics.get("auxiliary") or {}).get("validation"):
        lines += ["auxiliary tasks:", scores_table(beside)]
    return lines


def _gates(gates: Any) -> list[str]:
    return ["what each task takes, on validation rows:", records_table(gates)]
