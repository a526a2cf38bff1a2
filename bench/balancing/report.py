"""The measured rows as Markdown."""

from collections.abc import Callable
from itertools import groupby

from methods import GROUPS
from results import Row

_ORDER = ("plain", *GROUPS, "torchjd", "LibMTL")
SOLVER_BAR = 0.05
LEAST_PAIRS = 15


def markdown(rows: list[Row]) -> str:
    """Every table: for each net the ratios, what they are of the bounds, and what a step takes."""
    parts = [f"Bars passed: {_verdict(rows)}"]
    for net, some in groupby(sorted(rows, key=lambda r: _place(r)[0]), key=lambda r: r["net"]):
        measured = list(some)
        parts += [
            f"### {net}",
            "Ratio to the plain step (95 % interval); in bold what is over its bar.",
            _table(measured, _ratio),
            "Least FLOPs of such a step, as a ratio to the plain one; the measured ratio over it.",
            _table([r for r in measured if r.get("bound", 1) != 1], _over_bound),
            "Compilation in seconds and memory in MB; in the first line the plain step's.",
            _table([*_plain_of(measured), *measured], _resources),
            f"The solver alone, share of its step (at most {SOLVER_BAR:.0%}).",
            _table(measured, _solver),
        ]
    failed = [r for r in rows if "error" in r]
    parts += [f"- {r['net']}, {r['tasks']}: {r['method']}: {r['error']}" for r in failed]
    return "\n\n".join(part for part in parts if part)


def _place(row: Row) -> tuple:
    trunks = ("mlp", "cnn", "mlp, heads half", "cnn, heads half", "mmoe")
    group = row.get("group", row["library"])
    return trunks.index(row["net"]), _ORDER.index(group) if group in _ORDER else len(_ORDER)


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
    cells = {(r["method"], r["tasks"]): cell(r) for r in rows}
    methods = [r["method"] for r in sorted(rows, key=lambda r: _place(r)[1])]
    tasks = sorted({r["tasks"] for r in rows})
    lines = [
        f"| {method} | " + " | ".join(cells.get((method, t), "") for t in tasks) + " |"
        for method in dict.fromkeys(methods)
        if any(cells.get((method, t)) for t in tasks)
    ]
    if not lines:
        return ""
    head = "| | " + " | ".join(f"{t} tasks" for t in tasks) + " |"
    return "\n".join([head, "|---" * (len(tasks) + 1) + "|", *lines])


def _plain_of(rows: list[Row]) -> list[Row]:
    """What the plain step takes, as a row for each number of tasks."""
    return [
        {**row, "method": "plain", "group": "plain", **plain}
        for row in rows
        if "compile_s" in row
        for plain in [{n: row[f"plain_{n}"] for n in ("compile_s", "memory_mb")}]
    ]


def _ratio(row: Row) -> str:
    if "ratio" not in row:
        return "failed"
    text = f"{row['ratio']:.2f} ({row['low']:.2f} to {row['high']:.2f})"
    return f"**{text}**" if row.get("bar") and not row["passed"] else text


def _over_bound(row: Row) -> str:
    if "ratio" not in row:
        return ""
    return f"{row['bound']:.2f}; {row['ratio'] / row['bound']:.2f}"


def _resources(row: Row) -> str:
    return f"{row['compile_s']:.1f} s, {row['memory_mb']:.0f} MB" if "compile_s" in row else ""


def _solver(row: Row) -> str:
    if "solver" not in row:
        return ""
    text = f"{row['solver']:.1%} (to {row['solver_high']:.1%})"
    return text if row["solver_high"] <= SOLVER_BAR else f"**{text}**"
