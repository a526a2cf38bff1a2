"""`plait predict`: the answers for each row of a table, in its order."""

from pathlib import Path

from plait.cli._answers_file import write_answers, writer_for
from plait.cli._rows import rows_where
from plait.inference import Predictor


def predict(
    run: Path,
    table: str,
    *,
    output: Path,
    key: str | None = None,
    where: str | None = None,
    root: Path | None = None,
) -> None:
    """Writes the answers.

    Args:
        run: a run folder or a saved model.
        table: what `Table.read` takes; columns may be missing.
        output: a `.parquet`, `.csv` or `.jsonl` file; replaced if it is there.
        key: a column to carry through.
        where: `COLUMN=VALUE`, the rows to answer.
        root: the folder that media paths are relative to.

    Raises:
        PlaitError: the model, the table or the name of the output will not do.
    """
    writer_for(output)
    predictor = Predictor.load(run)
    rows = rows_where(predictor.declaration.table(table, root, ahead=True), where)
    write_answers(predictor.predict_in_parts(rows, key), output)
    print(f"{len(rows)} rows: {output}")
