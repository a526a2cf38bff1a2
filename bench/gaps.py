"""What a table with gaps still teaches: scores with 30 % of inputs and 50 % of labels blanked.

    python bench/gaps.py --data DIR            # three seeds, about 6 minutes each on two cores
    python bench/gaps.py --data DIR --quick    # few rows and epochs, under a minute

DIR holds fashion_products' three files. In every part 30 % of the pictures and 30 % of the titles
are emptied at random, and in training and validation 50 % of each label. One run trains on all rows
that have any label; the other, as tools do that drop a row for one missing label, on the rows that
have all of them. Both are chosen on the same validation rows and scored on the same test rows,
whose labels are all kept; a label whose class was in no training row counts as a wrong answer. The
last line is JSON.
"""

import argparse
import json
import os
from pathlib import Path

os.environ.setdefault("KERAS_BACKEND", "jax")

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from plait.config import build_learner, load
from plait.evaluation import by_presence, evaluate

CONFIG = Path(__file__).parents[1] / "examples" / "fashion_products.yaml"
INPUTS = {"image": 0.3, "title": 0.3}
LABELS = 0.5
CLASSES = ["season", "usage", "sub_category", "article_type"]
PARTS = {"train": "train", "validation": "valid", "test": "test"}


def blanked(table, shares, draw):
    """The table with such a share of each named column's cells emptied."""
    for name, share in shares.items():
        there = pa.array(draw.random(len(table)) >= share)
        cells = pc.if_else(there, table[name], pa.scalar(None, table[name].type))
        table = table.set_column(table.column_names.index(name), name, cells)
    return table


def parts_with_gaps(folder, tasks, seed, rows):
    draw = np.random.default_rng([2025, seed])
    parts = {}
    for part, file in PARTS.items():
        table = pq.read_table(folder / f"{file}.parquet")
        shares = INPUTS | ({} if part == "test" else dict.fromkeys(tasks, LABELS))
        parts[part] = blanked(table, shares, draw).slice(0, rows)
    return parts


def labelled(table, tasks):
    """How many of its labels each row has."""
    return np.sum([table[name].is_valid().to_numpy() for name in tasks], axis=0)


def known(train, test, name):
    """The share of a column's test labels whose class is in a training row; 1 for quantities."""
    if name not in CLASSES:
        return 1.0
    labels = test[name].drop_null()
    return float(np.mean(pc.is_in(labels, value_set=pc.unique(train[name].drop_null()))))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--quick", action="store_true")
    args = parser.parse_args()
    # Half of the labels gone leaves rare classes in no training row.
    overrides = [f"tasks.{name}={{Multiclass: {{on_unseen: missing}}}}" for name in CLASSES]
    overrides += ["training.epochs=2"] if args.quick else []
    rows = 800 if args.quick else None
    runs = []
    for seed in [0] if args.quick else [0, 1, 2]:
        config = load(CONFIG, [*overrides, f"seed={seed}"], args.data)
        tasks = build_learner(config).tasks
        parts = parts_with_gaps(args.data, tasks, seed, rows)
        count = labelled(parts["train"], tasks)
        for kept, least in (("any label", 1), ("every label", len(tasks))):
            train = parts["train"].filter(pa.array(count >= least))
            learner = build_learner(config)
            learner.fit({**parts, "train": train}, run=False, verbose=False)
            scores = evaluate(learner.predictor, parts["test"])
            found = {
                name: round(scores[name][task.main_score] * known(train, parts["test"], name), 4)
                for name, task in learner.tasks.items()
            }
            runs.append({"seed": seed, "trained_on": kept, "rows": len(train), **found})
            print(runs[-1], flush=True)
            if least == 1:
                table = by_presence(learner.predictor, parts["test"])
                runs[-1]["by_presence"] = table.to_pylist()
                for line in table.to_pylist():
                    print("   ", line, flush=True)
    print(json.dumps({"bench": "gaps", "blanked": {**INPUTS, "labels": LABELS}, "runs": runs}))


if __name__ == "__main__":
    main()
