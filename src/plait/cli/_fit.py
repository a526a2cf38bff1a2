"""`plait fit`: from a config to a run folder."""

import json
import sys
from pathlib import Path

from plait.cli._runs import new_run_folder
from plait.cli._scores_table import scores_table
from plait.config import Config, build_learner, dump, load
from plait.errors import ConfigError
from plait.table import without_passwords
from plait.training import Run

_CONFIG = "plait.yaml"
_COMMAND = "command.json"


def fit(
    config: Path | None,
    *,
    data_dir: Path | None = None,
    run: Path | None = None,
    seed: int | None = None,
    overrides: tuple[str, ...] = (),
    folds: str | None = None,
    resume: Path | None = None,
    quiet: bool = False,
) -> None:
    """Trains, and prints where the run is.

    Args:
        config: a YAML file; None to go on with a run, which holds its own.
        data_dir: what the config's paths are relative to, else its own folder.
        run: a new folder, else `runs/<the config's name>`.
        seed: replaces the config's.
        overrides: `KEY=VALUE` each.
        folds: a number of folds or a column of them, for one run of all folds on the training
            table.
        resume: the folder of a run that was killed or stopped, to go on with.
        quiet: no progress bar.

    Raises:
        PlaitError: the config or the data will not do; nothing is written then.
        StoppedError: Ctrl-C or SIGTERM; a checkpoint was written.
    """
    if resume is not None:
        if config or run or overrides or folds is not None or seed is not None:
            raise ConfigError("--resume goes on with a run as it began: only --data goes with it.")
        config, data_dir = began_with(resume, data_dir)
    if config is None:
        raise ConfigError("fit needs a config, or --resume RUN.")
    if seed is not None:
        overrides = (*overrides, f"seed={seed}")
    loaded = load(config, overrides, data_dir)
    learner = build_learner(loaded)
    files = _files(loaded, data_dir or config.parent)
    folder = resume or run or new_run_folder(loaded.name)
    if folds is None:
        held = Run(folder, resume=resume is not None, files=files)
        learner.fit(loaded.data.tables(), run=held, root=loaded.root, verbose=not quiet)
        print(
            f"plait evaluate {folder} TABLE\nplait predict {folder} TABLE -o OUT", file=sys.stderr
        )
    else:
        spec = int(folds) if folds.removeprefix("-").isdecimal() else folds
        found = learner.folds(
            loaded.data.train, spec, run=folder, root=loaded.root, verbose=not quiet
        )
        for name, scores in found["folds"].items():
            print(f"fold {name}\n{scores_table(scores)}")
        print(f"mean\n{scores_table(found['mean'])}")
        for name, text in files.items():
            (folder / name).write_text(text, encoding="utf-8")
    print(folder)


def _files(config: Config, data_dir: Path) -> dict[str, str]:
    """The config as it runs, and where its paths lead from."""
    head = (
        f"{config.path.name} as it ran, with what --set changed.\n"
        f"Its paths are relative to {data_dir.resolve()}."
    )
    command = {
        "argv": [without_passwords(word) for word in sys.argv],
        "data_dir": str(data_dir.resolve()),
    }
    return {
        _CONFIG: without_passwords(dump(config.document, head=head)),
        _COMMAND: json.dumps(command, ensure_ascii=False, indent=1) + "\n",
    }


def began_with(folder: Path, data_dir: Path | None) -> tuple[Path, Path]:
    """The config of a run that was begun, and the folder of its data."""
    config = folder / _CONFIG
    try:
        said = json.loads((folder / _COMMAND).read_text(encoding="utf-8"))
        return config, data_dir or Path(said["data_dir"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigError(
            f"'{folder}' holds no run that `plait fit` began: its {_COMMAND} cannot be read."
        ) from error
