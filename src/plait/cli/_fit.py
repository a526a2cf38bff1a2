"""`plait fit`: from a config to a run folder."""

import sys
from pathlib import Path

from plait._beside import written_beside
from plait.cli._runs import new_run_folder
from plait.cli._scores_table import scores_table
from plait.config import Config, build_learner, dump, load


def fit(
    config: Path,
    *,
    data_dir: Path | None = None,
    run: Path | None = None,
    seed: int | None = None,
    overrides: tuple[str, ...] = (),
    folds: str | None = None,
    quiet: bool = False,
) -> None:
    """Trains, and prints where the run is.

    Args:
        config: a YAML file.
        data_dir: what the config's paths are relative to, else its own folder.
        run: a new folder, else `runs/<the config's name>`.
        seed: replaces the config's.
        overrides: `KEY=VALUE` each.
        folds: a number of folds or a column of them, for one run of all folds on the training
            table.
        quiet: no progress bar.

    Raises:
        PlaitError: the config or the data will not do; nothing is written then.
    """
    if seed is not None:
        overrides = (*overrides, f"seed={seed}")
    loaded = load(config, overrides, data_dir)
    folder = run or new_run_folder(loaded.name)
    learner = build_learner(loaded)
    if folds is None:
        learner.fit(loaded.data.tables(), run=folder, root=loaded.root, verbose=not quiet)
    else:
        spec = int(folds) if folds.removeprefix("-").isdecimal() else folds
        found = learner.folds(
            loaded.data.train, spec, run=folder, root=loaded.root, verbose=not quiet
        )
        for name, scores in found["folds"].items():
            print(f"fold {name}\n{scores_table(scores)}")
        print(f"mean\n{scores_table(found['mean'])}")
    _write_config(loaded, folder, data_dir or config.parent)
    if folds is None:
        print(
            f"plait evaluate {folder} TABLE\nplait predict {folder} TABLE -o OUT", file=sys.stderr
        )
    print(folder)


def _write_config(config: Config, folder: Path, data_dir: Path) -> None:
    """The config as it ran, beside what came of it."""
    head = (
        f"{config.path.name} as it ran, with what --set changed.\n"
        f"Its paths are relative to {data_dir.resolve()}."
    )
    with written_beside(folder / "plait.yaml") as part:
        part.write_text(dump(config.document, head=head), encoding="utf-8")
