"""What a model answers, row by row, to look at."""

from typing import Any

import numpy as np

from plait._drawing import draw_picture, draw_words, shortened
from plait.errors import ConfigError
from plait.features import Image
from plait.inference import Predictor
from plait.table import Table

_WIDE, _HIGH = 3.4, 2.6
"""Inches of a panel."""
_MOST_ROWS = 50
_LETTERS = 600
"""Of a cell: more than there is room for."""


def draw(predictor: Predictor, table: Any, rows: int = 8) -> Any:
    """Some rows of a table with the answers of each task, and the labels that the table has.

    Each row is a line of panels: what it holds, and a panel a task, drawn by `Task.draw`.

    Args:
        predictor: a fitted model.
        table: a `Table`, or whatever `Table.read` takes.
        rows: how many, from the first on.

    Returns:
        A `matplotlib.figure.Figure`; `savefig` writes it.

    Raises:
        ConfigError: matplotlib is not installed, or a number of rows that cannot be.
        DataError: a cell that cannot be read.
    """
    if not 1 <= rows <= _MOST_ROWS:
        raise ConfigError(
            f"1 to {_MOST_ROWS} rows are drawn, from the first on. Received: {rows}.", ("rows",)
        )
    whole = predictor.declaration.table(table, ahead=True)
    shown = whole.take(np.arange(min(rows, len(whole))))
    figure = _figure(1 + len(predictor.tasks), len(shown))
    logits = predictor.answers(predictor.declaration.rows(shown)).logits
    panels = figure.subfigures(len(shown), 1 + len(predictor.tasks), squeeze=False)
    for place in range(len(shown)):
        row = shown.take(np.array([place]))
        own, *others = panels[place]
        own.suptitle(f"row {row.rows[0]}", size=9)
        _draw_row(own, predictor, row)
        for panel, (name, task) in zip(
            others, predictor.declaration.tasks_in(row).items(), strict=True
        ):
            panel.suptitle(shortened(name, 40), size=9)
            column = task.column_in(name, row) if task.is_in(name, row) else None
            task.draw(panel, logits[name][place : place + 1], column)
    return figure


def _figure(across: int, down: int) -> Any:
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ConfigError(
            f"Drawing needs the package matplotlib: pip install 'plait[draw]'. ({error})"
        ) from error
    return Figure((_WIDE * across, _HIGH * down), layout="constrained")


def _draw_row(figure: Any, predictor: Predictor, row: Table) -> None:
    """Its picture, if it has one, and what else the model reads of it."""
    lines, picture = [], None
    for name, feature in predictor.features.items():
        if not feature.is_in(name, row):
            continue
        cells = feature.cells(name, row)
        if isinstance(feature, Image) and picture is None:
            (picture,) = feature.pictures(cells)
        cell = cells.values[0].as_py()
        lines.append(f"{name}: {'' if cell is None else _said(cell)}")
    if picture is None:
        draw_words(figure, lines)
        return
    above, below = figure.subfigures(2, 1, height_ratios=(2, 1))
    draw_picture(above, 1, picture)
    draw_words(below, lines, most=6)


def _said(cell: Any) -> str:
    if isinstance(cell, bytes):
        return f"{len(cell):,} bytes"
    if isinstance(cell, list) and all(isinstance(one, str) for one in cell):
        cell = " ".join(cell)
    if isinstance(cell, list | dict):
        return "…"
    return f"{cell:.6g}" if isinstance(cell, float) else " ".join(str(cell)[:_LETTERS].split())
