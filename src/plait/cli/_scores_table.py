"""Scores as aligned columns."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

Scores = Mapping[str, Mapping[str, float]]


def scores_table(scores: Scores) -> str:
    """One line a task, its metrics beside it."""
    width = max((len(task) for task in scores), default=0)
    return "\n".join(
        f"{task:<{width}}  " + "  ".join(f"{metric} {value:.4g}" for metric, value in found.items())
        for task, found in scores.items()
    )


def records_table(records: Sequence[Mapping[str, Any]]) -> str:
    """One line a record, under the names of what it holds; None is empty."""
    return aligned(
        list(records[0]),
        [
            [
                "" if v is None else f"{v:.4g}" if isinstance(v, float) else str(v)
                for v in record.values()
            ]
            for record in records
        ],
    )


def aligned(
    head: Sequence[str], rows: Iterable[Sequence[str]], left: Collection[int] = (0,)
) -> str:
    """Columns under their heads; those at `left` to the left, the others to the right."""
    lines = [list(head), *map(list, rows)]
    widths = [max(len(line[place]) for line in lines) for place in range(len(head))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if place in left else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )
