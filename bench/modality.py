"""Do balancers of features help? Digits that are seen and heard: from both, from either alone.

    python bench/modality.py --data DIR            # about 15 minutes on two cores
    python bench/modality.py --data DIR --quick    # few rows and epochs, under a minute
    python bench/modality.py --report --out bench/modality.jsonl    # the tables of docs/usefulness.md

It goes on where it stopped. DIR holds `av_digits.parquet`. Of its training rows 600 teach, so that
there is something left to learn; the 300 validation rows choose the epoch; the test rows and the
other training rows are the test. Every method trains the same `Learner` with the same seeds, its rate
and all else as they come; nothing is tuned. "modality dropout" hides either feature from half of the
rows of each step, which is no balancer at all. Scores are accuracies on the test, from both features
and with one emptied; the differences are to the model that is trained on both as they are, and to the
plain unimodal losses, over seeds, with Student's 95 % interval. Fitting is timed by the clock, and the
ratio is the median of the seeds'. The last line is JSON.
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
import pyarrow.parquet as pq
from scipy import stats

import plait

FEATURES = {"image": plait.Image, "audio": plait.Audio}
VIEWS = {"both": [], "image alone": ["audio"], "audio alone": ["image"]}
METHODS = {
    "as it is": lambda: None,
    "modality dropout": lambda: None,
    "UnimodalLosses": plait.UnimodalLosses,
    "OGMGE": plait.OGMGE,
    "GradientBlending": lambda: plait.GradientBlending(super_epoch=5),
    "MMPareto": plait.MMPareto,
}
TAUGHT, EPOCHS, SEEDS = 600, 20, (1, 2, 3, 4, 5)


def parts_of(folder, quick):
    """The table as training, validation and test rows."""
    table = pq.read_table(folder / "av_digits.parquet")
    table = table.take(np.random.default_rng(2025).permutation(len(table)))
    part = {n: table.filter(pc.equal(table["split"], n)) for n in ("train", "valid", "test")}
    test = pa.concat_tables([part["test"], part["train"].slice(TAUGHT)])
    sizes = (64, 32, 64) if quick else (TAUGHT, len(part["valid"]), len(test))
    tables = (part["train"], part["valid"], test)
    return [table.slice(0, size) for table, size in zip(tables, sizes, strict=True)]


def run(method, seed, parts, root, epochs):
    """The scores of one method with one seed, and how long it took."""
    train, valid, test = parts
    label = lambda rows, name: rows.append_column("part", pa.array([name] * len(rows)))  # noqa: E731
    table = pa.concat_tables([label(train, "train"), label(valid, "validation")])
    learner = plait.Learner(
        {name: feature() for name, feature in FEATURES.items()},
        {"digit": plait.Multiclass()},
        balancing=METHODS[method](),
        training=plait.Training(
            epochs=epochs, modality_dropout=0.5 if method == "modality dropout" else 0.0
        ),
        split="part",
        key="id",
        seed=seed,
    )
    started = time.perf_counter()
    learner.fit(table, run=False, root=root, verbose=False)
    seconds = time.perf_counter() - started
    scores = {}
    for view, hidden in VIEWS.items():
        rows = test
        for name in hidden:
            empty = pa.nulls(len(rows), rows[name].type)
            rows = rows.set_column(rows.column_names.index(name), name, empty)
        scores[view] = learner.evaluate(rows, root)["digit"]["accuracy"]
    return {"method": method, "seed": seed, "scores": scores, "seconds": seconds}


def table_of(runs, baseline):
    """A line a method: mean scores, differences to the baseline, time; seed by seed."""
    base = {r["seed"]: r for r in runs if r["method"] == baseline}
    rows = []
    for method in METHODS:
        mine = [r for r in runs if r["method"] == method and r["seed"] in base]
        if not mine:
            continue
        row = {"method": method, "baseline": baseline, "seeds": len(mine)}
        for view in VIEWS:
            gaps = np.array([r["scores"][view] - base[r["seed"]]["scores"][view] for r in mine])
            wide = stats.t.ppf(0.975, len(gaps) - 1) * stats.sem(gaps) if len(gaps) > 1 else np.nan
            row[view] = float(np.mean([r["scores"][view] for r in mine]))
            row[f"{view}, difference"] = [float(gaps.mean() + k * wide) for k in (0, -1, 1)]
        row["seconds"] = float(np.median([r["seconds"] for r in mine]))
        row["time"] = float(np.median([r["seconds"] / base[r["seed"]]["seconds"] for r in mine]))
        rows.append(row)
    return rows


def show(rows):
    baseline = rows[0]["baseline"]
    print(f"Differences to {baseline}:\n")
    print("| method |" + "".join(f" {view} |" for view in VIEWS) + " seconds | ratio |")
    print("|---|" + "---|" * (len(VIEWS) + 2))
    for row in rows:
        cells = []
        for view in VIEWS:
            gap, low, high = row[f"{view}, difference"]
            told = f"**{gap:+.3f}**" if low > 0 or high < 0 else f"{gap:+.3f}"
            told = f", {told} ({low:+.3f} to {high:+.3f})" if row["method"] != baseline else ""
            cells.append(f"{row[view]:.3f}{told}")
        cells += [f"{row['seconds']:.0f}", f"{row['time']:.2f}"]
        print(f"| {row['method']} | {' | '.join(cells)} |")
    print()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path)
    parser.add_argument("--out", type=Path, default=Path("runs") / "modality.jsonl")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--report", action="store_true")
    args = parser.parse_args()
    if args.data is None and not args.report:
        parser.error("--data is needed to run anything")
    runs = []
    if args.out.exists() and not args.quick:
        runs = [json.loads(line) for line in args.out.read_text().splitlines()]
    if not args.report:
        measure(runs, args)
    rows = [table_of(runs, baseline) for baseline in ("as it is", "UnimodalLosses")]
    for table in filter(None, rows):
        show(table)
    print(json.dumps({"bench": "modality", "rows": [row for table in rows for row in table]}))


def measure(runs, args):
    """Adds the runs that are not there yet."""
    parts = parts_of(args.data, args.quick)
    known = {(r["method"], r["seed"]) for r in runs}
    methods = ["as it is", "MMPareto"] if args.quick else list(METHODS)
    for seed in SEEDS[:1] if args.quick else SEEDS:
        for method in methods:
            if (method, seed) in known:
                continue
            runs.append(run(method, seed, parts, args.data, 2 if args.quick else EPOCHS))
            print(json.dumps(runs[-1]), flush=True)
            if not args.quick:
                args.out.parent.mkdir(parents=True, exist_ok=True)
                with args.out.open("a") as file:
                    file.write(json.dumps(runs[-1]) + "\n")


if __name__ == "__main__":
    main()
