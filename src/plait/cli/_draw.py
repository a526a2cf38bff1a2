"""`plait draw`: some rows with what the model answers, as a picture."""

from pathlib import Path

from plait.cli._rows import rows_where
from plait.errors import ConfigError
from plait.evaluation import draw as draw_rows
from plait.inference import Predictor

_KINDS = (".png", ".pdf", ".svg")


def draw(
    run: Path,
    table: str,
    *,
    output: Path,
    rows: int = 8,
    where: str | None = None,
    root: Path | None = None,
) -> None:
    """Writes the picture.

    Args:
        run: a run folder or a saved model.
        table: what `Table.read` takes; labels are drawn where it has them.
        output: a `.png`, `.pdf` or `.svg` file; replaced if it is there.
        rows: how many, from the first on.
        where: `COLUMN=VALUE`, the rows to choose from.
        root: the folder that media paths are relative to.

    Raises:
        PlaitError: the model, the table or the name of the output will not do.
    """
    if output.suffix.lower() not in _KINDS:
        raise ConfigError(
            f"--output is a {', '.join(_KINDS[:-1])} or {_KINDS[-1]} file. Received: '{output}'."
        )
    if not output.parent.is_dir():
        raise ConfigError(f"--output: there is no folder '{output.parent}'.")
    predictor = Predictor.load(run)
    chosen = rows_where(predictor.declaration.table(table, root, ahead=True), where)
    draw_rows(predictor, chosen, rows).savefig(output, dpi=110)
    print(f"{min(rows, len(chosen))} rows: {output}")
