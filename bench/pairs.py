"""Cases that ran with the same seeds, beside one of them: means and differences in pairs."""

import numpy as np
from scipy import stats


def table_of(runs, base, metrics):
    """A row a case: mean scores, and their differences to those of `base`, seed by seed.

    Args:
        runs: each a dict of "case", "seed", "seconds" and the metrics.
        base: the case that the others are compared with.
        metrics: names of scores.

    Returns:
        Dicts of "case", "seeds", each metric, "<metric>, difference" as [mean, low, high] with
        Student's 95 % interval, or [mean] of one seed, and the median of the seconds.
    """
    beside = {run["seed"]: run for run in runs if run["case"] == base}
    rows = []
    for case in dict.fromkeys(run["case"] for run in runs):
        mine = [run for run in runs if run["case"] == case and run["seed"] in beside]
        if not mine:
            continue
        row = {"case": case, "seeds": len(mine)}
        for metric in metrics:
            gaps = np.array([run[metric] - beside[run["seed"]][metric] for run in mine])
            row[metric] = float(np.mean([run[metric] for run in mine]))
            difference = [float(gaps.mean())]
            if len(gaps) > 1:
                wide = stats.t.ppf(0.975, len(gaps) - 1) * stats.sem(gaps)
                difference += [float(gaps.mean() - wide), float(gaps.mean() + wide)]
            row[f"{metric}, difference"] = difference
        row["seconds"] = float(np.median([run["seconds"] for run in mine]))
        rows.append(row)
    return rows


def show(rows, head, base, metrics):
    """Prints the rows as a table in Markdown; a difference is bold where its interval leaves out 0."""
    print(f"| {head} |" + "".join(f" {metric} |" for metric in metrics) + " seconds |")
    print("|---|" + "---|" * (len(metrics) + 1))
    for row in rows:
        cells = []
        for metric in metrics:
            gap, *ends = row[f"{metric}, difference"]
            told = f"{gap:+.3f}"
            if ends:
                low, high = ends
                told = f"**{told}**" if low > 0 or high < 0 else told
                told += f" ({low:+.3f} to {high:+.3f})"
            cells.append(f"{row[metric]:.3f}" + (f", {told}" if row["case"] != base else ""))
        print(f"| {row['case']} | {' | '.join(cells)} | {row['seconds']:.0f} |")
    print()
