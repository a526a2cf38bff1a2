"""Which rows of a table a run has learnt from, as far as its documents tell."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import plait.table
from plait._names import from_plain
from plait.errors import PlaitError
from plait.table import Split, Table, Windows
from plait.training._parts import counted_rows, parted

_NONE = np.zeros(0, "int64")


def trained_rows(run: Path, table: Table) -> np.ndarray:
    """The numbers of the rows of a table that a run has learnt from.

    Args:
        run: a run's folder, or the model in it.
        table: all its rows.

    Returns:
        Of `table.rows`; none where the run's documents are gone, or tell of other data.
    """
    folder = run if run.is_dir() else run.parent
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        ran = json.loads((folder / "environment.json").read_text(encoding="utf-8"))
        count, digest = ran["data"]["train"]["rows"], ran["data"]["train"]["sha256"]
        for part in _possible(config, table, _targets(config)):
            if len(part) == count and part.fingerprint() == digest:
                return part.rows
    except (PlaitError, OSError, ValueError, LookupError, TypeError, AttributeError):
        # Scores do not depend on it: a run without readable documents answers all the same.
        return _NONE
    return _NONE


def _targets(config: Mapping[str, Any]) -> list[str]:
    """The columns of all tasks of a run, of those too that have gone from its model."""
    return [
        next(iter(said.values())).get("column") or name if isinstance(said, Mapping) else name
        for name, said in config["tasks"].items()
    ]


def _possible(config: Mapping[str, Any], table: Table, targets: Sequence[str]) -> Iterator[Table]:
    """What the training part may have been: the table, its part of a split, what is not held out."""
    plain = config.get("split")
    split: Split | None
    if isinstance(plain, str) and plain in table:
        split = Split(column=plain)
    else:
        split = None if plain is None else from_plain(plain, plait.table)
    said = config.get("windows")
    windows: Windows | None = None if said is None else from_plain(said, plait.table)
    for data in (None, table, {"train": table}):
        try:
            part = (
                table
                if data is None
                else parted(data, None, split, targets, None, windows)["train"]
            )
            weight = config.get("weight")
            yield part if weight is None else counted_rows(part, weight)
        except PlaitError:
            # A table that cannot be parted like the run's is not the run's.
            continue
