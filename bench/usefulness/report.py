"""What the finished runs say: differences to Equal, seed by seed, and what they cost."""

from typing import Any

import numpy as np
from results import Record, Results
from scipy import stats

BASELINE = "Equal"


def rows(results: Results, data: str, part: str) -> list[dict[str, Any]]:
    """One row a method, in the order of the file: its means, and its differences to Equal.

    Differences are taken over the seeds that both have; intervals are Student's.
    """
    equal = {r["seed"]: r for r in results.where(data=data, part=part, method=BASELINE)}
    found: dict[str, list[Record]] = {}
    for record in results.where(data=data, part=part):
        found.setdefault(record["method"], []).append(record)
    return [_row(data, part, method, runs, equal) for method, runs in found.items()]


def _row(
    data: str, part: str, method: str, runs: list[Record], equal: dict[int, Record]
) -> dict[str, Any]:
    row = {"data": data, "part": part, "method": method}
    done = [r for r in runs if "scores" in r]
    pairs = [(r, equal[r["seed"]]) for r in done if r["seed"] in equal]
    if not pairs:
        return {**row, "failed": next((r["failed"] for r in runs if "failed" in r), "no pair yet")}
    tasks = list(done[0]["scores"])
    return {
        **row,
        "learning_rate": done[0]["learning_rate"],
        "seeds": len(pairs),
        "gain": _mean(r["gain"] for r in done),
        "difference": _paired([a["gain"] - b["gain"] for a, b in pairs]),
        "scores": {t: _mean(r["scores"][t] for r in done) for t in tasks},
        "differences": {
            t: _paired([a["scores"][t] - b["scores"][t] for a, b in pairs]) for t in tasks
        },
        **{name: _mean(r[name] for r in done) for name in ("seconds", "cpu_seconds", "compile_s")},
        "step": _ratio(pairs, "step_ms"),
        "step_cpu": _ratio(pairs, "step_cpu_ms"),
    }


def markdown(results: Results, datasets: tuple[str, ...]) -> str:
    """The tables, as they go into the documentation."""
    blocks = []
    for data in datasets:
        test, short = (rows(results, data, part) for part in ("test", "short"))
        if tried := results.where(data=data, part="tuning"):
            blocks += [f"### {data}", *_tables(test), _tuning(tried), *_times(test)]
        if short:
            blocks += [f"### {data}, the other methods in short", *_tables(short), *_times(short)]
    done = [r for r in results.where() if "scores" in r]
    hours = sum(r["seconds"] for r in done) / 3600
    blocks += [f"{len(done)} runs, {hours:.2f} hours of training."]
    loads = [r["load_before"] for r in done if "load_before" in r]
    if loads:
        low, middle, high = np.quantile(loads, [0, 0.5, 1])
        blocks[-1] += (
            f" The machine's load average before a run was {middle:.1f} in the median, {low:.1f} to "
            f"{high:.1f}."
        )
    return "\n\n".join(blocks)


def _tables(found: list[dict[str, Any]]) -> list[str]:
    done = [row for row in found if "failed" not in row]
    failed = [f"{row['method']}: {row['failed']}" for row in found if "failed" in row]
    if not done:
        return failed
    tasks = list(done[0]["scores"])
    whole = [
        ["method", "rate", "gain, %", "to Equal"],
        *(
            [
                row["method"],
                f"{row['learning_rate']:g}",
                f"{100 * row['gain']:.2f}",
                _told(row["difference"], 100, 2),
            ]
            for row in done
        ),
    ]
    each = [
        ["method", *tasks],
        *(
            [
                row["method"],
                *(f"{row['scores'][t]:.4f}, {_told(row['differences'][t], 1, 4)}" for t in tasks),
            ]
            for row in done
        ),
    ]
    return [_table(whole), _table(each), *failed]


def _times(found: list[dict[str, Any]]) -> list[str]:
    """Seconds of training, compilation included, and the ratio of a step to Equal's without it."""
    body = [
        [
            row["method"],
            *(f"{row[name]:.1f}" for name in ("seconds", "cpu_seconds", "compile_s")),
            *(f"{row[name]:.2f}" for name in ("step", "step_cpu")),
        ]
        for row in found
        if "failed" not in row
    ]
    head = ["method", "seconds", "CPU s", "compiling", "step to Equal's", "by CPU time"]
    return [_table([head, *body])] if body else []


def _tuning(trials: list[Record]) -> str:
    """The mean gain on validation of each trial."""
    found: dict[str, dict[float, float]] = {}
    for r in trials:
        found.setdefault(r["method"], {})[r["learning_rate"]] = r["gain"]
    rates = sorted({rate for gains in found.values() for rate in gains})
    body = [
        [method, *(f"{100 * gains[r]:.2f}" if r in gains else "" for r in rates)]
        for method, gains in found.items()
    ]
    return _table([["validation gain, %", *(f"{rate:g}" for rate in rates)], *body])


def _table(lines: list[list[str]]) -> str:
    head, *body = [f"| {' | '.join(line)} |" for line in lines]
    return "\n".join([head, "|" + "---|" * len(lines[0]), *body])


def _told(difference: dict[str, Any], scale: float, places: int) -> str:
    """The mean and its interval, in bold where that leaves 0 out; of two seeds, both as they are.

    With more places where the given ones would show nothing but zeros, or a 0 that is left out.
    """
    each = difference["each"]
    if not any(each):
        return "0"
    two = len(each) < 3
    values = each if two else [difference[name] for name in ("mean", "low", "high")]
    values = [scale * value for value in values]
    apart = not two and (values[1] > 0 or values[2] < 0)
    telling = min(map(abs, values)) if apart else max(map(abs, values))
    while round(telling, places) == 0:
        places += 1
    told = [f"{value:+.{places}f}" for value in values]
    if two:
        return " and ".join(told)
    return f"{f'**{told[0]}**' if apart else told[0]} ({told[1]} to {told[2]})"


def _paired(each: list[float]) -> dict[str, Any]:
    """Differences seed by seed, their mean and its 95 % interval, which two alone do not tell."""
    count, mean = len(each), float(np.mean(each))
    if count < 3:
        return {"each": each, "mean": mean}
    reach = float(stats.t.ppf(0.975, count - 1) * np.std(each, ddof=1) / np.sqrt(count))
    return {"each": each, "mean": mean, "low": mean - reach, "high": mean + reach}


def _ratio(pairs: list[tuple[Record, Record]], name: str) -> float:
    return float(np.median([a[name] / b[name] for a, b in pairs]))


def _mean(values: Any) -> float:
    return float(np.mean(list(values)))
