"""`plait evaluate`: a model's scores on a table that has the labels."""

import json
from pathlib import Path
from typing import Any

from plait.cli._rows import rows_where
from plait.cli._scores_table import aligned, scores_table
from plait.evaluation import by_presence
from plait.evaluation import evaluate as evaluate_predictor
from plait.inference import Predictor
from plait.table import Table


def evaluate(
    run: Path,
    table: str,
    *,
    as_json: bool = False,
    presence: bool = False,
    where: str | None = None,
    without: tuple[str, ...] = (),
    root: Path | None = None,
) -> None:
    """Prints each task's scores.

    Args:
        run: a run folder or a saved model.
        table: what `Table.read` takes.
        as_json: print `{task: {metric: value}}` as JSON.
        presence: print main scores by which inputs a row had; as JSON, a list of lines.
        where: `COLUMN=VALUE`, the rows to score.
        without: columns to score without, as though they were empty.
        root: the folder that media paths are relative to.

    Raises:
        PlaitError: the model or the table will not do.
    """
    predictor = Predictor.load(run)
    rows = rows_where(Table.read(table, root), where).without(without)
    if presence:
        lines = by_presence(predictor, rows).to_pylist()
        print(json.dumps(lines, indent=1) if as_json else _lines(lines))
        return
    scores = evaluate_predictor(predictor, rows)
    print(json.dumps(scores, indent=1) if as_json else scores_table(scores))


def _lines(lines: list[dict[str, Any]]) -> str:
    return aligned(
        list(lines[0]),
        [
            [
                "" if v is None else f"{v:.4g}" if isinstance(v, float) else str(v)
                for v in line.values()
            ]
            for line in lines
        ],
    )
