"""`plait rerun`: the same run again, and whether it came to the same."""

import os
import sys
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from plait.cli._runs import Began
from plait.config import build_learner, load
from plait.errors import ConfigError
from plait.inference import Archive
from plait.training import MODEL_FILE, Run, is_over

DIFFERS = 1
_OF_THE_CLOCK = ("seconds",)


def rerun(run: Path, *, data_dir: Path | None = None, quiet: bool = False) -> int:
    """Trains again as a run says that it was trained, and compares.

    Args:
        run: the folder of a run that is over.
        data_dir: where its data are now, else where they were.
        quiet: no progress bar.

    Returns:
        0 where weights and history are the same bits; 1 where they are not.

    Raises:
        ConfigError: no run of `plait fit` that is over; or its config now means something else.
        DataError: the data are not those that it was trained on.
    """
    began = Began.read(run, data_dir)
    spec = began.spec
    of_folds = spec is not None
    if not is_over(run, of_folds):
        raise ConfigError(
            f"The run '{run}' is not over. `plait fit --resume {run}` goes on with it."
        )
    loaded = load(began.config, (), began.data_dir, began.code_dir)
    learner = build_learner(loaded)
    # Beside it, also where it is the folder that one stands in.
    folder = Path(os.path.normpath(run / "..")) / f"{run.resolve().name}-rerun"
    files = began.files(loaded)
    again = Run(folder, numbered=True, files=files, like=run, of_folds=of_folds)
    how: dict[str, Any] = {"run": again, "root": loaded.root, "verbose": not quiet}
    if spec is None:
        learner.fit(loaded.data.tables(), **how)
        found = differences(run, again.folder)
    else:
        learner.folds(loaded.data.train, spec, **how)
        folds = sorted(path.parent.name for path in again.folder.glob(f"*/{MODEL_FILE}"))
        found = [
            f"{fold}: {line}"
            for fold in folds
            for line in differences(run / fold, again.folder / fold)
        ]
    print(f"{again.folder}: {'the same weights and history' if not found else 'not the same'}")
    for line in found:
        print(f"  {line}", file=sys.stderr)
    return DIFFERS if found else 0


def differences(one: Path, other: Path) -> list[str]:
    """What two runs of the same did not come to alike, but for the time that they took."""
    lines = []
    old, new = (pq.read_table(f / "history.parquet") for f in (one, other))
    if old.num_rows != new.num_rows:
        lines.append(f"the history: {old.num_rows} epochs were, {new.num_rows} are")
    else:
        for name in dict.fromkeys([*old.column_names, *new.column_names]):
            if name in _OF_THE_CLOCK:
                continue
            columns = [
                t.column(name).to_pylist() if name in t.column_names else [] for t in (old, new)
            ]
            # As text: NaN is NaN, and 0.0 is not -0.0.
            if repr(columns[0]) != repr(columns[1]):
                lines.append(f"the history: '{name}' is another")
    with Archive(one) as was, Archive(other) as now:
        apart = was.differing(now)
    if apart:
        lines.append(f"the weights: {len(apart)} arrays are others, first {apart[0]}")
    return lines
