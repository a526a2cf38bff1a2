"""The grammar of the command line: each verb with its arguments and its help.

A verb's work is in the file of its name, loaded only when the verb runs: `plait --help` loads
neither Keras nor anything else that is slow.
"""

import json
from pathlib import Path
from typing import Annotated

import typer

from plait import __version__
from plait.cli._imports import lean_imports

app = typer.Typer(
    name="plait",
    help="One model for a table: pictures, text, sound, numbers and categories in; many answers "
    "out.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

TableArgument = Annotated[
    str, typer.Argument(metavar="TABLE", help="CSV, Parquet, JSON lines or Arrow.")
]
ConfigArgument = Annotated[
    Path, typer.Argument(metavar="CONFIG", help="A YAML file; `plait new` writes one.")
]
RunArgument = Annotated[
    Path, typer.Argument(metavar="RUN", help="A run folder, or a saved .plait model.")
]
DataOption = Annotated[
    Path | None,
    typer.Option(metavar="DIR", help="What the config's paths are relative to, else its folder."),
]
RootOption = Annotated[
    Path | None,
    typer.Option(
        "--root",
        "--data",
        metavar="DIR",
        help="What media paths are relative to, else the table's folder.",
    ),
]
WhereOption = Annotated[
    str | None,
    typer.Option(metavar="COLUMN=VALUE", help="Only such rows, as split=test."),
]
SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Edit any dotted key; may be repeated."),
]


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def plait(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="The version.")
    ] = False,
) -> None:
    """What comes before the verb."""


@app.command()
def new(
    table: TableArgument,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Else it is printed.")
    ] = None,
    target: Annotated[
        list[str] | None,
        typer.Option(metavar="COL", help="A column to predict; may be repeated. Else guessed."),
    ] = None,
    root: RootOption = None,
) -> None:
    """Look at a table and write a commented config."""
    with lean_imports():
        from plait.cli._new import new as run

    run(table, output=output, targets=tuple(target or ()), root=root)


@app.command()
def check(
    config: ConfigArgument,
    data: DataOption = None,
    settings: SetOption = None,
    every: Annotated[
        bool, typer.Option("--all", help="Open every picture and sound, not a sample.")
    ] = False,
    quick: Annotated[
        bool, typer.Option("--quick", help="Look at the data alone; estimate nothing.")
    ] = False,
) -> None:
    """Read the data; say what is missing, broken, or will not fit, and what a run will take."""
    with lean_imports():
        from plait.cli._check import check as run

    run(config, data_dir=data, overrides=tuple(settings or ()), every=every, quick=quick)


@app.command()
def fit(
    config: Annotated[
        Path | None, typer.Argument(metavar="[CONFIG]", help="A YAML file.", show_default=False)
    ] = None,
    data: DataOption = None,
    run_folder: Annotated[
        Path | None,
        typer.Option("--run", metavar="DIR", help="A new folder, else runs/<the config's name>."),
    ] = None,
    seed: Annotated[int | None, typer.Option(metavar="N", help="The same as --set seed.")] = None,
    settings: SetOption = None,
    without: Annotated[
        list[str] | None,
        typer.Option(metavar="TASK", help="Leave out a task or an objective; may be repeated."),
    ] = None,
    folds: Annotated[
        str | None,
        typer.Option(metavar="COLUMN|K", help="One run of all folds: a column of folds, or K."),
    ] = None,
    group: Annotated[
        str | None,
        typer.Option(
            metavar="auto|N", help="Run once, then with a trunk for each group of tasks that help."
        ),
    ] = None,
    start: Annotated[
        Path | None,
        typer.Option("--from", metavar="RUN", help="Begin with what a run has learnt."),
    ] = None,
    freeze_trunk: Annotated[
        bool,
        typer.Option("--freeze-trunk", help="With --from: its tasks answer as before, to the bit."),
    ] = False,
    max_minutes: Annotated[
        float | None, typer.Option(metavar="N", help="The same as --set training.max_minutes.")
    ] = None,
    max_memory: Annotated[
        str | None, typer.Option(metavar="SIZE", help="The same as --set training.max_memory.")
    ] = None,
    devices: Annotated[
        str | None, typer.Option(metavar="N|all", help="The same as --set training.devices.")
    ] = None,
    resume: Annotated[
        Path | None,
        typer.Option(metavar="RUN", help="Go on with a run that was killed or stopped."),
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="No progress bar.")] = False,
) -> None:
    """Train; the result is a run folder."""
    with lean_imports():
        from plait.cli._fit import fit as run

    run(
        config,
        data_dir=data,
        run=run_folder,
        seed=seed,
        overrides=(
            *(settings or ()),
            *([] if max_minutes is None else [f"training.max_minutes={max_minutes}"]),
            *([] if max_memory is None else [f"training.max_memory={max_memory}"]),
            *([] if devices is None else [f"training.devices={devices}"]),
            *([] if start is None else [f"training.start={json.dumps(str(start.resolve()))}"]),
        ),
        without=tuple(without or ()),
        freeze_trunk=freeze_trunk,
        folds=folds,
        group=group,
        resume=resume,
        quiet=quiet,
    )


@app.command()
def rerun(
    run_folder: RunArgument,
    data: DataOption = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="No progress bar.")] = False,
) -> None:
    """Train a run again, and say whether it came to the same weights."""
    with lean_imports():
        from plait.cli._rerun import rerun as run

    raise typer.Exit(run(run_folder, data_dir=data, quiet=quiet))


@app.command()
def compare(
    config: ConfigArgument,
    data: DataOption = None,
    fusion: Annotated[
        str | None, typer.Option(metavar="A,B,...", help="Classes, as `describe fusion` lists.")
    ] = None,
    sharing: Annotated[
        str | None, typer.Option(metavar="A,B,...", help="Likewise; Hard is HardSharing.")
    ] = None,
    balancing: Annotated[str | None, typer.Option(metavar="A,B,...", help="Likewise.")] = None,
    against: Annotated[
        str | None, typer.Option(metavar="single|none", help="Each task alone, too.")
    ] = None,
    seeds: Annotated[
        int | None, typer.Option(metavar="N", help="Runs of each; 3, or 1 with --quick.")
    ] = None,
    budget: Annotated[
        str | None, typer.Option(metavar="TIME", help="Of all runs together, as 30m or 2h.")
    ] = None,
    workers: Annotated[
        int | None, typer.Option(metavar="N", help="Runs at once; else by the cores.")
    ] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="A first look: a sample of rows, few epochs.")
    ] = False,
    no_pruning: Annotated[
        bool, typer.Option("--no-pruning", help="Every candidate to its end, with every seed.")
    ] = False,
    folder: Annotated[
        Path | None,
        typer.Option("--dir", metavar="DIR", help="Else runs/<config>-compare; it goes on there."),
    ] = None,
    settings: SetOption = None,
) -> None:
    """Compare fusions, sharings, balancers and single tasks on the config's data."""
    with lean_imports():
        from plait.cli._compare import compare as run

    sections = {"fusion": fusion, "sharing": sharing, "balancing": balancing}
    run(
        config,
        data_dir=data,
        asked={name: text for name, text in sections.items() if text is not None},
        against=against,
        seeds=seeds,
        budget=budget,
        workers=workers,
        quick=quick,
        prune=not no_pruning,
        folder=folder,
        overrides=tuple(settings or ()),
    )


@app.command()
def tune(
    config: ConfigArgument,
    data: DataOption = None,
    trials: Annotated[int, typer.Option(metavar="N", help="Runs in all.")] = 20,
    budget: Annotated[
        str | None, typer.Option(metavar="TIME", help="Of all runs together, as 30m or 2h.")
    ] = None,
    workers: Annotated[
        int | None, typer.Option(metavar="N", help="Runs at once; else by the cores.")
    ] = None,
    folder: Annotated[
        Path | None,
        typer.Option("--dir", metavar="DIR", help="Else runs/<config>-tune; it goes on there."),
    ] = None,
    settings: SetOption = None,
) -> None:
    """Search the values that the config leaves open, as `{search: [0.0001, 0.01, log]}`."""
    with lean_imports():
        from plait.cli._tune import tune as run

    run(
        config,
        data_dir=data,
        trials=trials,
        budget=budget,
        workers=workers,
        folder=folder,
        overrides=tuple(settings or ()),
    )


@app.command()
def evaluate(
    run_folder: RunArgument,
    table: TableArgument,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print {task: {metric: value}} as JSON.")
    ] = False,
    presence: Annotated[
        bool, typer.Option("--by-presence", help="Main scores by which inputs a row had.")
    ] = False,
    gates: Annotated[
        bool,
        typer.Option(
            "--gates", help="What each task takes of each feature and expert; no scores, no labels."
        ),
    ] = False,
    where: WhereOption = None,
    without: Annotated[
        list[str] | None,
        typer.Option(metavar="COLUMN", help="As though it were empty; may be repeated."),
    ] = None,
    root: RootOption = None,
) -> None:
    """Score a model on a table that has the labels."""
    with lean_imports():
        from plait.cli._evaluate import evaluate as run

    run(
        run_folder,
        table,
        as_json=as_json,
        presence=presence,
        gates=gates,
        where=where,
        without=tuple(without or ()),
        root=root,
    )


@app.command()
def predict(
    run_folder: RunArgument,
    table: TableArgument,
    output: Annotated[
        Path,
        typer.Option("--output", "-o", metavar="OUT", help="A .parquet, .csv or .jsonl file."),
    ],
    key: Annotated[
        str | None, typer.Option(metavar="COL", help="A column to carry through.")
    ] = None,
    where: WhereOption = None,
    root: RootOption = None,
) -> None:
    """Answer each row of a table; label columns are not needed."""
    with lean_imports():
        from plait.cli._predict import predict as run

    run(run_folder, table, output=output, key=key, where=where, root=root)


@app.command()
def draw(
    run_folder: RunArgument,
    table: TableArgument,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FILE", help="A .png, .pdf or .svg file.")
    ],
    rows: Annotated[int, typer.Option(metavar="N", help="How many, from the first on.")] = 8,
    where: WhereOption = None,
    root: RootOption = None,
) -> None:
    """Draw some rows with what a model answers, beside the labels."""
    with lean_imports():
        from plait.cli._draw import draw as run

    run(run_folder, table, output=output, rows=rows, where=where, root=root)


@app.command()
def describe(
    what: Annotated[
        str | None, typer.Argument(metavar="[RUN|SECTION|CLASS]", help="Nothing: the sections.")
    ] = None,
    class_name: Annotated[str | None, typer.Argument(metavar="[CLASS]")] = None,
) -> None:
    """Explain a run, or what can stand in a section of a config."""
    with lean_imports():
        from plait.cli._describe import describe as run

    run(what, class_name)


@app.command()
def demo(
    folder: Annotated[Path, typer.Option("--dir", metavar="DIR")] = Path("plait-demo"),
    seed: Annotated[int, typer.Option(metavar="N")] = 0,
    quick: Annotated[bool, typer.Option("--quick", help="Fewer rows and epochs.")] = False,
) -> None:
    """Make a small table, train on it, and show what a plait is good for; 90 seconds."""
    with lean_imports():
        from plait.cli._demo import demo as run

    run(folder, seed=seed, quick=quick)
