"""What objectives compare their outputs with, row by row."""

from pathlib import Path

from plait.inference import Declaration, Predictor
from plait.table import Table
from plait.tasks import Targets


def signals_of(declaration: Declaration, table: Table) -> dict[str, Targets]:
    """Each objective's targets; a teacher answers the rows first.

    Args:
        declaration: fitted.
        table: some rows.

    Raises:
        DataError: a cell that cannot be read.
        ModelFileError: no such teacher.
    """
    found = {}
    for name, objective in declaration.objectives.items():
        taught = None
        if objective.teaching is not None:
            taught = Predictor.load(Path(objective.teaching)).predict(table)
        found[name] = objective.targets(table, declaration.tasks, taught)
    return found
