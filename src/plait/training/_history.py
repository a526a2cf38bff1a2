"""A run's history as a table: one row an epoch, one column a number."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from plait._beside import written_beside
from plait.training._selection import Epoch

HISTORY_FILE = "history.parquet"

_KINDS: Mapping[str, pa.DataType] = {"epoch": pa.int64(), "best": pa.bool_()}


def numbers(epoch: Epoch) -> dict[str, Any]:
    """An epoch as one flat row: `epoch`, `loss`, `<task>_loss`, `<task>.<metric>`, ...

    Tasks that only serve the others come last.
    """
    row: dict[str, Any] = {
        "epoch": epoch.number,
        "seconds": epoch.seconds,
        "learning_rate": epoch.learning_rate,
        "loss": epoch.loss,
        **epoch.logs,
        "mean_gain": epoch.mean_gain,
        "best": epoch.best,
    }
    for task, scores in sorted(epoch.scores.items(), key=lambda item: item[0] in epoch.auxiliary):
        row |= {f"{task}.{metric}": value for metric, value in scores.items()}
        row[f"{task}.gain"] = epoch.gains[task]
    return row


def write_history(folder: Path, history: Sequence[Epoch]) -> None:
    """Writes the epochs so far to `history.parquet`, whole or not at all."""
    rows = [numbers(epoch) for epoch in history]
    # An epoch may have a score that the first one has not: too few labels leave some undefined.
    names = dict.fromkeys(name for row in rows for name in row)
    table = pa.table(
        {n: pa.array([row.get(n) for row in rows], _KINDS.get(n, pa.float64())) for n in names}
    )
    with written_beside(folder / HISTORY_FILE) as part:
        pq.write_table(table, part)
