"""What training tells a person: its choices before it starts, what it met when it is over."""

import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from plait._names import to_plain
from plait.data import Findings
from plait.inference import Declaration, leaving
from plait.training._selection import Epoch
from plait.training._settings import Training

_MOST_CELLS = 5


def choices(
    declaration: Declaration,
    settings: Training,
    sizes: Mapping[str, int],
    coverage: Mapping[str, Mapping[str, int]],
    times: np.ndarray | None = None,
) -> list[str]:
    """Lines about what will be trained, with everything that was left open settled.

    Args:
        declaration: fitted and settled.
        settings: settled.
        sizes: how many rows each part has.
        coverage: how many rows are labelled, by task.
        times: how often each training row is drawn in an epoch; None for once.
    """
    lines = [
        f"feature {name}: {type(feature).__name__}, {to_plain(feature.encoder)}"
        for name, feature in declaration.features.items()
    ]
    gone = leaving(declaration.tasks)
    for name, task in declaration.tasks.items():
        counts = coverage[name]
        role = ", auxiliary" if task.auxiliary else ""
        if task.auxiliary and name not in gone:
            role += " and kept for those after it"
        lines.append(
            f"task {name}: {type(task).__name__}{role}, {counts['labelled']} of {counts['rows']} "
            "training rows labelled"
        )
    lines += [f"objective {n}: {to_plain(o)}" for n, o in declaration.objectives.items()]
    lines.append(
        f"fusion: {to_plain(declaration.fusion)}; sharing: {to_plain(declaration.sharing)}"
    )
    rows = ", ".join(f"{part} {count}" for part, count in sizes.items())
    lines.append(
        f"rows: {rows}; {settings.epochs} epochs of {batch_in_words(settings)}, "
        f"patience {settings.patience}"
    )
    if times is not None:
        lines.append(sampling_note(times))
    return lines


def left_over(settings: Training, steps: int) -> list[str]:
    """A line about the batches at the end of a run that move nothing, if there are some.

    Args:
        settings: settled.
        steps: batches an epoch.
    """
    batches = steps * (settings.epochs or 1)
    left = batches % settings.accumulate
    return [f"accumulate: the last {left} of {batches} batches move no weight"] if left else []


def batch_in_words(settings: Training) -> str:
    """Such as "64 rows a step", or "64 rows a step in 4 parts"."""
    rows = f"{settings.batch_rows * settings.accumulate} rows a step"
    return rows if settings.accumulate == 1 else f"{rows} in {settings.accumulate} parts"


def sampling_note(times: np.ndarray) -> str:
    """A line about how often rows are drawn."""
    return f"sampling: a row is drawn {times.min():.3g} to {times.max():.3g} times an epoch"


def outcome(
    best: Epoch,
    history: Sequence[Epoch],
    findings: Iterable[Findings],
    ended: str | None = None,
) -> list[str]:
    """Lines about what ended training, what was kept, and cells that were broken or cut."""
    lines = [] if ended is None else [ended]
    if best.mean_gain is not None:
        lines.append(
            f"kept epoch {best.number} of {len(history)}: mean gain {best.mean_gain:.4f} "
            "(0 the trivial answer, 1 a perfect one)"
        )
    for found in findings:
        cells = list(found.broken.values())
        if cells:
            lines.append(f"{len(cells)} broken cells were taken as absent:")
            lines += [
                f"  column '{c.column}', row {c.row} of {c.source}: {c.reason}"
                for c in cells[:_MOST_CELLS]
            ]
            if len(cells) > _MOST_CELLS:
                lines.append(f"  and {len(cells) - _MOST_CELLS} more, in findings.json of the run")
        lines += [f"{count} rows of '{name}' were cut" for name, count in found.cut.items()]
    return lines


def tell(lines: Iterable[str]) -> None:
    """Prints the lines where the progress bar is, apart from what a command answers."""
    for line in lines:
        print(line, file=sys.stderr)


def plain_findings(found: Findings) -> dict[str, Any]:
    """Broken cells and the count of cut rows as JSON data."""
    return {
        "broken": [
            {"row": c.row, "table": c.source, "column": c.column, "reason": c.reason}
            for c in found.broken.values()
        ],
        "cut": dict(found.cut),
    }
