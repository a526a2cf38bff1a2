"""What is left of a score when some of one feature is gone: a table of runs by the share that is.

    plait compare examples/av_digits.yaml --data DIR --fusion Concat,Gated,MBT --no-pruning --dir C
    python bench/missing.py C/runs DIR/av_digits.parquet --where split=test --feature image

Each run of the folder answers the same rows four times: with 0, 30, 60 and 90 % of the feature's cells
empty, or as `--shares` says; `--shares 0` asks for the scores alone. Which cells, a seed decides, alike
for all runs; those of a larger share hold those of a smaller one. Runs whose names differ in `-seedN`
alone are averaged. With `--base NAME`, the name without `-seedN`, each score has its difference to that
of these runs, seed by seed, ± half of Student's 95 % interval, bold where one so wide that all of a
column hold at once (Bonferroni) leaves out 0. Else it has ± the deviation over
the seeds. What it prints last is JSON. `--quick` trains two small models on a made table first.
"""

import argparse
import json
import os
import re
import tempfile
from collections import defaultdict
from pathlib import Path

os.environ.setdefault("KERAS_BACKEND", "jax")

import numpy as np
import pyarrow as pa
from scipy import stats

import plait
from plait.evaluation import evaluate

SEED = re.compile(r"-seed(\d+)$")


def without(table, columns, share, seed):
    """The table with a share of the rows without some columns."""
    gone = np.random.default_rng(seed).random(len(table)) < share
    kept = {}
    for name in table.columns:
        cells = table.column(name).values.combine_chunks()
        if name in columns:
            cells = pa.array(
                [None if out else cell for out, cell in zip(gone, cells.to_pylist(), strict=True)],
                cells.type,
            )
        kept[name] = cells
    return plait.Table.read(kept, root=table.root, name=table.name)


def scores_of(run, table, feature, shares, seed):
    """`{task: its main score for each share}` of one run."""
    predictor = plait.Predictor.load(run)
    columns = predictor.features[feature].reads(feature) if feature in predictor.features else ()
    tables = [without(table, columns, share, seed) if share else table for share in shares]
    found = [evaluate(predictor, rows) for rows in tables]
    return {
        name: np.array([scores[name][task.main_score] for scores in found])
        for name, task in predictor.tasks.items()
        if name in found[0]
    }


def half(values, others=1):
    """Half of Student's 95 % interval of the means over the first axis; infinite if that is unknown.

    Values that are all the same, as scores of few rows may be, tell nothing of their spread.
    """
    if len(values) < 2:
        return np.full(values.shape[1:], np.inf)
    wide = stats.t.ppf(1 - 0.025 / others, len(values) - 1) * stats.sem(values)
    return np.where(np.ptp(values, axis=0) > 1e-9, wide, np.inf)


def told(runs, base, others):
    """Of one task: what is printed for each share, and the same as numbers.

    Args:
        runs: its scores by seed.
        base: those of what they are compared with; None or empty for nothing.
        others: how many are.
    """
    scores = np.array(list(runs.values()))
    mean, std = scores.mean(0), scores.std(0)
    numbers = {"mean": mean.tolist(), "std": std.tolist(), "seeds": len(scores)}
    both = [seed for seed in runs if seed in base] if base and base is not runs else []
    if not both:
        return [f"{m:.4f} ± {s:.4f}" for m, s in zip(mean, std, strict=True)], numbers
    gaps = np.array([runs[seed] - base[seed] for seed in both])
    gap, wide, wider = gaps.mean(0), half(gaps), half(gaps, others)
    known = [float(w) if np.isfinite(w) else None for w in wide]
    numbers |= {"difference": gap.tolist(), "half": known}
    cells = []
    for m, g, w, sure in zip(mean, gap, wide, np.abs(gap) > wider, strict=True):
        said = f"{g:+.4f} ± {w:.4f}" if np.isfinite(w) else f"{g:+.4f}"
        cells.append(f"{m:.4f}, {f'**{said}**' if sure else said}")
    return cells, numbers


def quick(folder):
    """Two runs on a made table, and its rows."""
    draw = np.random.default_rng(0)
    truth = draw.normal(size=400)
    table = {
        "near": truth + 0.3 * draw.normal(size=400),
        "far": truth + draw.normal(size=400),
        "right": truth > 0,
    }
    for fusion in (plait.Concat(width=8), plait.Mean(width=8)):
        learner = plait.Learner(
            features={"near": plait.Number(), "far": plait.Number()},
            tasks={"right": plait.Binary()},
            fusion=fusion,
            width=8,
            training=plait.Training(epochs=3, modality_dropout=0.3),
        )
        run = folder / f"{type(fusion).__name__}-seed0"
        learner.fit(plait.Table.read(table), run=run, verbose=False)
    return folder, plait.Table.read(table)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("runs", nargs="?", type=Path, help="a folder of runs")
    parser.add_argument("table", nargs="?", help="rows with their labels")
    parser.add_argument("--feature", default="near", help="what is gone")
    parser.add_argument("--where", help="COLUMN=VALUE, the rows that are asked about")
    parser.add_argument("--seed", type=int, default=0, help="of which cells are gone")
    parser.add_argument("--shares", default="0,30,60,90", help="of it, in percent")
    parser.add_argument("--base", help="what the others are compared with")
    parser.add_argument("--quick", action="store_true")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if asked.quick:
            runs, table = quick(Path(folder))
        else:
            runs, table = asked.runs, plait.Table.read(asked.table)
        if asked.where:
            table = table.where(*asked.where.split("=", 1))
        shares = [float(one) / 100 for one in asked.shares.split(",")]
        found = defaultdict(lambda: defaultdict(dict))
        for run in sorted(path.parent for path in runs.glob("*/model.plait")):
            seed = SEED.search(run.name)
            name = SEED.sub("", run.name)
            scores = scores_of(run, table, asked.feature, shares, asked.seed)
            for task, each in scores.items():
                found[task][name][int(seed[1]) if seed else 0] = each
    answer = {}
    for task, ways in found.items():
        print(f"| {task} |" + "".join(f" {share:.0%} |" for share in shares))
        print("|---|" + "---|" * len(shares))
        for name, seeds in ways.items():
            cells, numbers = told(seeds, ways.get(asked.base), max(1, len(ways) - 1))
            answer.setdefault(task, {})[name] = numbers
            print(f"| {name} | " + " | ".join(cells) + " |")
        print()
    print(json.dumps({"feature": asked.feature, "gone": shares, "scores": answer}))


if __name__ == "__main__":
    main()
