"""The measured rows as Markdown."""

from collections.abc import Callable
from itertools import groupby

from methods import GROUPS
from results import Row
from sizes import NETS

_NETS = list(dict.fromkeys(net.name for net in NETS))
_GROUPS = ("plain", *GROUPS, "torchjd", "LibMTL", "failed")
SOLVER_BAR = 0.05
LEAST_PAIRS = 15


def markdown(rows: list[Row]) -> str:
    """Every table: for each net the ratios, what they are of the bounds, and what a step takes."""
    parts = [f"Bars passed: {_verdict(rows)}"]
    for net, some in groupby(sorted(rows, key=lambda r: _place(r)[0]), key=lambda r: r["net"]):
        measured = list(some)
        parts += [f"### {net}"]
        for caption, lines in (
            (
                "Ratio to the plain step (95 % interval); in bold what is over its bar.",
                _table(measured, _ratio),
            ),
            (
                "The least FLOPs of such a step, counted by hand; XLA's count of this one; and the "
                "measured ratio as a multiple of the least.",
                _table([r for r in measured if r.get("bound", 1) != 1], _over_bound),
            ),
            (
                "Seconds to compile, and MB that the step holds.",
                _table([*_plain_of(measured), *measured], _resources),
            ),
            (
                f"The solver alone, as a share of the step; at most {SOLVER_BAR:.0%}.",
                _table(measured, _solver),
            ),
        ):
            parts += [caption, lines] if lines else []
    failed = [r for r in rows if "error" in r]
    parts += [f"- {r['net']}, {r['tasks']}: {r['method']}: {r['error']}" for r in failed]
    return "\n\n".join(parts)


def _group(row: Row) -> str:
    return row.get("group", "failed")


def _place(row: Row) -> tuple[int, int]:
    """Where it stands: by its net, then by its group."""
    return _NETS.index(row["net"]), _GROUPS.index(_group(row))


def _verdict(rows: list[Row]) -> str:
    barred = [r for r in rows if r.get("bar")]
    over = [r for r in barred if not r["passed"]]
    solved = [r for r in rows if "solver" in r]
    slow = [r for r in solved if r["solver_high"] > SOLVER_BAR]
    few = sum(r["pairs"] < LEAST_PAIRS for r in barred)
    lines = [
        f"{len(barred) - len(over)} of {len(barred)} steps, {len(solved) - len(slow)} of "
        f"{len(solved)} solvers"
        + (f"; {few} of fewer than {LEAST_PAIRS} pairs" if few else "")
        + "."
    ]
    lines += [
        f"- {r['net']}, {r['tasks']} tasks, {r['method']}: {r['high']:.3f} > {r['bar']:.3f}"
        for r in over
    ]
    lines += [
        f"- {r['net']}, {r['tasks']} tasks, {r['method']}: solver {r['solver_high']:.1%}"
        for r in slow
    ]
    return "\n".join(lines)


def _table(rows: list[Row], cell: Callable[[Row], str]) -> str:
    """A line a method, a column a number of tasks; empty where no cell says anything."""
    cells = {(r["method"], r["tasks"]): text for r in rows if (text := cell(r))}
    tasks = sorted({t for _, t in cells})
    if not cells:
        return ""
    lines = [
        "| | " + " | ".join(f"{t} tasks" for t in tasks) + " |",
        "|---" * (len(tasks) + 1) + "|",
    ]
    said = [r for r in rows if (r["method"], r["tasks"]) in cells]
    for group, some in groupby(sorted(said, key=_place), key=_group):
        lines.append(f"| *{group}* |" + " |" * len(tasks))
        for method in dict.fromkeys(r["method"] for r in some):
            each = [cells.get((method, t), "") for t in tasks]
            lines.append(f"| {method} | " + " | ".join(each) + " |")
    return "\n".join(lines)


def _plain_of(rows: list[Row]) -> list[Row]:
    """What the plain step takes, as a row for each number of tasks."""
    return [
        {
            "method": "plain",
            "group": "plain",
            "net": row["net"],
            "tasks": row["tasks"],
            "compile_s": row["plain_compile_s"],
            "memory_mb": row["plain_memory_mb"],
        }
        for row in rows
        if "compile_s" in row
    ]


def _ratio(row: Row) -> str:
    if "ratio" not in row:
        return "failed"
    text = f"{row['ratio']:.2f} ({row['low']:.2f} to {row['high']:.2f})"
    return f"**{text}**" if row.get("bar") and not row["passed"] else text


def _over_bound(row: Row) -> str:
    if "ratio" not in row:
        return ""
    return f"{row['bound']:.2f}; {row['counted']:.2f}; {row['ratio'] / row['bound']:.2f}"


def _resources(row: Row) -> str:
    return f"{row['compile_s']:.1f} s, {row['memory_mb']:.1f} MB" if "compile_s" in row else ""


def _solver(row: Row) -> str:
    if "solver" not in row:
        return ""
    text = f"{row['solver']:.1%} (to {row['solver_high']:.1%})"
    return text if row["solver_high"] <= SOLVER_BAR else f"**{text}**"
