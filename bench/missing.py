"""What is left of a score when some of one feature is gone: a table of runs by the share that is.

    plait compare examples/av_digits.yaml --data DIR --fusion Concat,Gated,MBT --no-pruning --dir C
    python bench/missing.py C/runs DIR/av_digits.parquet --where split=test --feature image

Each run of the folder answers the same rows four times: with 0, 30, 60 and 90 % of the feature's cells
empty. Which cells, a seed decides, alike for all runs; those of a larger share hold those of a smaller
one. Runs whose names differ in `-seedN` alone are averaged, ± the deviation over the seeds. What it
prints last is JSON. `--quick` trains two small models on a made table first.
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

import plait
from plait.evaluation import evaluate

SHARES = (0.0, 0.3, 0.6, 0.9)


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


def scores_of(run, table, feature, seed):
    """`{share: {task: main score}}` of one run."""
    predictor = plait.Predictor.load(run)
    columns = predictor.features[feature].reads(feature)
    found = {}
    for share in SHARES:
        scores = evaluate(predictor, without(table, columns, share, seed))
        found[share] = {
            name: scores[name][task.main_score]
            for name, task in predictor.tasks.items()
            if name in scores
        }
    return found


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
    parser.add_argument("--quick", action="store_true")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if asked.quick:
            runs, table = quick(Path(folder))
        else:
            runs, table = asked.runs, plait.Table.read(asked.table)
        if asked.where:
            table = table.where(*asked.where.split("=", 1))
        found = defaultdict(list)
        for run in sorted(path.parent for path in runs.glob("*/model.plait")):
            name = re.sub(r"-seed\d+$", "", run.name)
            found[name].append(scores_of(run, table, asked.feature, asked.seed))
    answer = {}
    for name, seeds in found.items():
        answer[name] = {"seeds": len(seeds)}
        for task in seeds[0][0.0]:
            each = np.array([[one[share].get(task, np.nan) for share in SHARES] for one in seeds])
            answer[name][task] = {"mean": each.mean(0).tolist(), "std": each.std(0).tolist()}
            cells = zip(answer[name][task]["mean"], answer[name][task]["std"], strict=True)
            shown = "  ".join(f"{mean:.3f} ± {std:.3f}" for mean, std in cells)
            print(f"{name:<28} {task:<16} {shown}")
    print(json.dumps({"feature": asked.feature, "gone": SHARES, "runs": answer}))


if __name__ == "__main__":
    main()
