"""`plait evaluate`: a model's scores on a table that has the labels."""

import json
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from plait.cli._rows import rows_where
from plait.cli._scores_table import records_table, scores_table
from plait.errors import ConfigError
from plait.evaluation import by_presence
from plait.evaluation import evaluate as evaluate_predictor
from plait.inference import Predictor
from plait.table import Table
from plait.training import trained_rows


def evaluate(
    run: Path,
    table: str,
    *,
    as_json: bool = False,
    presence: bool = False,
    gates: bool = False,
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
        gates: print how fusion and sharing weigh their parts instead, which needs no labels; as JSON,
            a list of lines.
        where: `COLUMN=VALUE`, the rows to score.
        without: columns to score without, as though they were empty.
        root: the folder that media paths are relative to.

    Raises:
        PlaitError: the model or the table will not do; `gates` and `presence` at once, or gates of a
            model that has none.
    """
    if gates and presence:
        raise ConfigError("--gates and --by-presence are two answers. Ask for one at a time.")
    predictor = Predictor.load(run)
    if predictor.declaration.served_by:
        names = ", ".join(predictor.declaration.served_by)
        print(f"auxiliary, and no part of the model: {names}", file=sys.stderr)
    whole = predictor.declaration.table(table, root)
    rows = rows_where(whole, where)
    if gates:
        lines = _gates(predictor, rows.emptied(without))
        print(json.dumps(lines, indent=1) if as_json else records_table(lines))
        return
    _warn_of_trained_rows(run, whole, rows)
    rows = rows.emptied(without)
    if presence:
        lines = by_presence(predictor, rows).to_pylist()
        print(json.dumps(lines, indent=1) if as_json else records_table(lines))
        return
    scores = evaluate_predictor(predictor, rows)
    print(json.dumps(scores, indent=1) if as_json else scores_table(scores))


def _gates(predictor: Predictor, rows: Table) -> list[dict[str, Any]]:
    lines = predictor.gates(rows).to_pylist()
    if not lines:
        declared = predictor.declaration
        raise ConfigError(
            f"{type(declared.fusion).__name__} and {type(declared.sharing).__name__} weigh nothing. "
            "There are gates in the fusions Weighted, Gated, SubsetExperts and Late (with product), "
            "and in the sharings MMoE, CGC, PLE, DSelectK, CrossStitch and Sluice."
        )
    return lines


def _warn_of_trained_rows(run: Path, whole: Table, rows: Table) -> None:
    seen = int(np.isin(rows.rows, trained_rows(run, whole)).sum())
    if seen:
        warnings.warn(
            f"the model learnt from {seen} of these {len(rows)} rows, so that it scores better here "
            "than on rows that are new to it. Score rows that were kept apart, as by --where "
            "split=test where a column 'split' says so.",
            stacklevel=1,
        )
