"""`plait evaluate`: a model's scores on a table that has the labels."""

import json
from pathlib import Path

from plait.cli._scores_table import scores_table
from plait.evaluation import evaluate as evaluate_predictor
from plait.inference import Predictor
from plait.table import Table


def evaluate(run: Path, table: str, *, as_json: bool = False, root: Path | None = None) -> None:
    """Prints each task's scores.

    Args:
        run: a run folder or a saved model.
        table: what `Table.read` takes.
        as_json: print `{task: {metric: value}}` as JSON.
        root: the folder that media paths are relative to.

    Raises:
        PlaitError: the model or the table will not do.
    """
    scores = evaluate_predictor(Predictor.load(run), Table.read(table, root))
    print(json.dumps(scores, indent=1) if as_json else scores_table(scores))
