"""`plait fit`: from a config to a run folder."""

import json
import sys
from pathlib import Path

from plait.cli._fit_groups import fit_groups, most_groups
from plait.cli._runs import Began
from plait.cli._scores_table import scores_table
from plait.config import build_learner, load
from plait.errors import ConfigError
from plait.training import MAY_CHANGE, RUNS, START, Run, Training

_WITH_RESUME = tuple(f"training.{name}" for name in MAY_CHANGE)


def fit(
    config: Path | None,
    *,
    data_dir: Path | None = None,
    run: Path | None = None,
    seed: int | None = None,
    overrides: tuple[str, ...] = (),
    without: tuple[str, ...] = (),
    freeze_trunk: bool = False,
    folds: str | None = None,
    group: str | None = None,
    resume: Path | None = None,
    quiet: bool = False,
) -> Path:
    """Trains, and prints where the run is.

    Args:
        config: a YAML file; None to go on with a run, which holds its own.
        data_dir: what the config's paths are relative to, else its own folder.
        run: a new folder, else `runs/<the config's name>`.
        seed: replaces the config's.
        overrides: `KEY=VALUE` each.
        without: tasks and objectives to leave out.
        freeze_trunk: whether all that it begins with stays as it is, beside what the config freezes.
        folds: a number of folds or a column of them, for one run of all folds on the training
            table.
        group: "auto", or how many groups of tasks with a trunk of their own there may be.
        resume: the folder of a run that was killed or stopped, to go on with.
        quiet: no progress bar.

    Returns:
        The run's folder.

    Raises:
        PlaitError: the config or the data will not do; nothing is written then.
        StoppedError: Ctrl-C or SIGTERM; a checkpoint was written.
    """
    if resume is not None:
        keys = {assignment.partition("=")[0].strip() for assignment in overrides}
        other = keys - {*_WITH_RESUME}
        if (
            config
            or run
            or other
            or without
            or freeze_trunk
            or folds is not None
            or group is not None
            or seed is not None
        ):
            raise ConfigError(
                "--resume goes on with a run as it began. With it go --data, --quiet, --max-minutes, "
                f"--max-memory, and --set of {', '.join(_WITH_RESUME)}."
            )
        began = Began.read(resume, data_dir)
    elif config is not None:
        began = Began(config, data_dir or config.parent, config.parent, folds)
    else:
        raise ConfigError("fit needs a config, or --resume RUN.")
    if seed is not None:
        overrides = (*overrides, f"seed={seed}")
    loaded = load(began.config, overrides, began.data_dir, began.code_dir, without)
    if group is not None:
        if folds is not None:
            raise ConfigError("--group and --folds: one at a time.")

        def again(folder: Path | None, more: tuple[str, ...]) -> Path:
            return fit(
                config,
                data_dir=data_dir,
                run=folder,
                overrides=(*overrides, *more),
                without=without,
                freeze_trunk=freeze_trunk,
                quiet=quiet,
            )

        return fit_groups(loaded, most_groups(group), run, again)
    if freeze_trunk:
        training = loaded.arguments.get("training") or Training()
        frozen = json.dumps([*training.freeze, START])
        overrides = (*overrides, f"training.freeze={frozen}")
        loaded = load(began.config, overrides, began.data_dir, began.code_dir, without)
    learner = build_learner(loaded)
    files = began.files(loaded)
    folder = resume or run or RUNS / loaded.name
    numbered = resume is None and run is None
    spec = began.spec
    held = Run(
        folder,
        resume=resume is not None,
        numbered=numbered,
        files=files,
        of_folds=spec is not None,
    )
    if spec is None:
        learner.fit(loaded.data.tables(), run=held, root=loaded.root, verbose=not quiet)
        print(
            f"plait evaluate {held.folder} TABLE\nplait predict {held.folder} TABLE -o OUT",
            file=sys.stderr,
        )
    else:
        found = learner.folds(
            loaded.data.train, spec, run=held, root=loaded.root, verbose=not quiet
        )
        for name, scores in found["folds"].items():
            print(f"fold {name}\n{scores_table(scores)}")
        print(f"mean\n{scores_table(found['mean'])}")
    print(held.folder)
    return held.folder
