"""`plait rerun`: the same run again, and whether it came to the same."""

import json
import sys
from pathlib import Path

import pyarrow.parquet as pq

from plait.cli._fit import began_with
from plait.cli._runs import new_run_folder
from plait.config import build_learner, load
from plait.errors import ConfigError
from plait.training import MODEL_FILE, Run

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
        ConfigError: no run of `plait fit` that is over.
    """
    if not (run / MODEL_FILE).is_file():
        raise ConfigError(f"'{run}' holds no run that is over.")
    config, data_dir = began_with(run, data_dir)
    loaded = load(config, (), data_dir)
    folder = new_run_folder(f"{run.name}-rerun", run.parent)
    learner = build_learner(loaded)
    learner.fit(loaded.data.tables(), run=Run(folder), root=loaded.root, verbose=not quiet)
    found = differences(run, folder)
    print(f"{folder}: {'the same weights and history' if not found else 'not the same'}")
    for line in found:
        print(f"  {line}", file=sys.stderr)
    return DIFFERS if found else 0


def differences(one: Path, other: Path) -> list[str]:
    """What two runs do not have in common, but for the time that they took."""
    lines = []
    was, now = (json.loads((f / "environment.json").read_text("utf-8")) for f in (one, other))
    for part in was["data"].keys() | now["data"].keys():
        old, new = (found["data"].get(part, {}).get("sha256") for found in (was, now))
        if old != new:
            lines.append(f"the {part} rows: sha256 {_short(old)} was, {_short(new)} is")
    for name in ("plait", "python", "platform", "backend"):
        if was[name] != now[name]:
            lines.append(f"{name}: {was[name]} was, {now[name]} is")
    for name in sorted(was["libraries"].keys() | now["libraries"].keys()):
        old, new = (found["libraries"].get(name) for found in (was, now))
        if old != new:
            lines.append(f"{name}: {old} was, {new} is")
    old, new = (pq.read_table(f / "history.parquet") for f in (one, other))
    if old.num_rows != new.num_rows:
        lines.append(f"the history: {old.num_rows} epochs were, {new.num_rows} are")
    else:
        for name in old.column_names:
            if name in _OF_THE_CLOCK:
                continue
            if name not in new.column_names or not _same(old.column(name), new.column(name)):
                lines.append(f"the history: '{name}' is another")
    if (one / MODEL_FILE).read_bytes() != (other / MODEL_FILE).read_bytes():
        lines.append("the weights")
    return lines


def _same(one: object, other: object) -> bool:
    """Whether two columns hold the same; NaN is NaN."""
    return repr(one.to_pylist()) == repr(other.to_pylist())  # type: ignore[attr-defined]


def _short(digest: str | None) -> str:
    return "none" if digest is None else f"{digest[:16]}..."
