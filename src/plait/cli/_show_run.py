"""`plait describe RUN`: what a model reads and answers, its size, and how well it did."""

import json
from pathlib import Path

from plait.cli._notation import notation
from plait.cli._scores_table import scores_table
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
    metrics = run / "metrics.json"
    if metrics.is_file():
        try:
            found = json.loads(metrics.read_text(encoding="utf-8"))
            scores = scores_table(found["validation"]) if found.get("validation") else ""
            epoch = found.get("epoch")
            beside = (found.get("auxiliary") or {}).get("validation")
            beside = scores_table(beside) if beside else ""
        except (ValueError, TypeError, AttributeError, LookupError, RecursionError) as error:
            raise ModelFileError(
                f"{metrics} holds no scores of a run ({type(error).__name__}: {error}). Remove it; "
                "the model itself answers."
            ) from error
        if scores:
            print(f"validation scores, epoch {epoch}:")
            print(scores)
        if beside:
            print("auxiliary tasks:")
            print(beside)
