"""Does an auxiliary task help? Reviews of clothes of which few say whether the item is recommended.

    python bench/auxiliary.py --data DIR            # six cases of five seeds each
    python bench/auxiliary.py --data DIR --quick    # few rows and epochs, one seed
    python bench/auxiliary.py --report              # the table of the runs so far
    python bench/auxiliary.py --data DIR --write FEW   # the files of examples/few_labels.yaml

It goes on where it stopped. DIR holds `reviews.csv.gz` (womens_clothing). Of its training rows 4,000
are drawn, and of these 300 keep the label of the main task; all keep those of the others. The 600
validation rows, which have it, choose the epoch; the test part is read once a run. Every case trains
the same `Learner` with the same seeds and all else as it comes; nothing is tuned. "alone" trains on the
300 rows, for the others have no label then. Scores are of the main task on the test; the differences
are to "alone", seed by seed, with Student's 95 % interval. The last line is JSON.
"""

import argparse
import json
import os
import time
from pathlib import Path

os.environ.setdefault("KERAS_BACKEND", "jax")

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
from pairs import show, table_of

import plait

MAIN = "recommended"
TRAIN, TAUGHT, VALIDATION, SEEDS = 4000, 300, 600, (1, 2, 3, 4, 5)
CASES = {
    "alone": {},
    "with rating": {"rating": lambda: plait.Regression(auxiliary=True)},
    "with department": {"department_name": lambda: plait.Multiclass(auxiliary=True)},
    "with age": {"age": lambda: plait.Regression(auxiliary=True)},
    "with age, faded out": {"age": lambda: plait.Regression(auxiliary=True, fade=(0.2, 0.5))},
    "with Align, half of a batch unlabelled": {},
}
METRICS = ("auc", "accuracy", "log_loss")


def parts_of(folder, quick):
    """The table as training, validation and test rows."""
    table = pa_csv.read_csv(folder / "reviews.csv.gz")
    order = np.random.default_rng(2026).permutation(len(table))
    table = table.take(order)
    part = {n: table.filter(pc.equal(table["split"], n)) for n in ("train", "valid", "test")}
    sizes = (200, 60, 100) if quick else (TRAIN, VALIDATION, len(part["test"]))
    train, valid, test = (p.slice(0, n) for p, n in zip(part.values(), sizes, strict=True))
    kept = np.arange(len(train)) < (60 if quick else TAUGHT)
    few = pc.if_else(pa.array(kept), train[MAIN], None)
    train = train.set_column(train.column_names.index(MAIN), MAIN, few)
    return {"train": train, "validation": valid, "test": test}


def write(parts, folder):
    """The parts as files of `folder`; the last line is how many rows each has."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, part in parts.items():
        pq.write_table(part, folder / f"{name}.parquet")
    print(json.dumps({name: len(part) for name, part in parts.items()}))


def run(case, seed, parts, epochs):
    """The scores of one case with one seed, and how long it took."""
    align = "Align" in case
    learner = plait.Learner(
        {name: plait.Text(max_vocabulary=5000) for name in ("title", "review_text")},
        {MAIN: plait.Binary(), **{name: task() for name, task in CASES[case].items()}},
        objectives={"near": plait.Align("title", "review_text")} if align else None,
        training=plait.Training(epochs=epochs, unlabelled=0.5 if align else None),
        width=32,
        seed=seed,
    )
    began = time.perf_counter()
    train = {name: parts[name] for name in ("train", "validation")}
    learner.fit(train, run=False, verbose=False)
    seconds = time.perf_counter() - began
    scores = learner.evaluate(parts["test"])[MAIN]
    return {"case": case, "seed": seed, "seconds": seconds, **{m: scores[m] for m in METRICS}}


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path)
    parser.add_argument("--out", type=Path, default=Path("auxiliary.jsonl"))
    parser.add_argument("--write", type=Path)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--report", action="store_true")
    given = parser.parse_args()
    if given.write:
        write(parts_of(given.data, given.quick), given.write)
        return
    runs = []
    if given.out.exists() and not given.quick:
        runs = [json.loads(line) for line in given.out.read_text().splitlines()]
    if not given.report:
        parts = parts_of(given.data, given.quick)
        done = {(r["case"], r["seed"]) for r in runs}
        # The cases of one seed one after another, so that what else the machine does falls on all.
        for seed in SEEDS[: 1 if given.quick else None]:
            for case in CASES:
                if (case, seed) in done:
                    continue
                runs.append(run(case, seed, parts, 2 if given.quick else None))
                print(json.dumps(runs[-1]), flush=True)
                if not given.quick:
                    with given.out.open("a") as file:
                        file.write(json.dumps(runs[-1]) + "\n")
    rows = table_of(runs, "alone", METRICS)
    show(rows, MAIN, "alone", METRICS)
    print(json.dumps(rows))


if __name__ == "__main__":
    main()
