"""How wide should an encoder of pictures be, by how many there are to learn from?

    python bench/widths.py --data DIR            # three numbers of rows, three widths, three seeds
    python bench/widths.py --data DIR --quick    # few rows and epochs, one seed
    python bench/widths.py --report              # the tables of the runs so far

It goes on where it stopped. DIR holds `train.parquet` and `valid.parquet` (fashion_products). The
kind of an item is learnt from its picture alone, by `ResNet` (or `--encoder`) with its own channels,
and with a quarter, half and (`--widths`) twice as many, on some of the training rows, the same for
every width. Scores are those of the validation rows in the epoch that they choose: this is how a
default is found, and the test stays unread. Differences are to the encoder as it is, seed by seed,
with Student's 95 % interval. The last line is JSON.
"""

import argparse
import json
import os
import time
from pathlib import Path

os.environ.setdefault("KERAS_BACKEND", "jax")

import pyarrow.parquet as pq
from pairs import show, table_of

import plait

TASK = "sub_category"
FACTORS = {"a quarter": 0.25, "half": 0.5, "as it is": 1, "twice": 2}
EPOCHS = {500: 40, 2000: 20, 9000: 8}
METRICS = ("accuracy", "log_loss")


def run(encoder, factor, rows, seed, parts, epochs):
    """The scores of one width, on one number of rows, with one seed."""
    channels = tuple(int(FACTORS[factor] * count) for count in encoder.most_channels[:3])
    learner = plait.Learner(
        {"image": plait.Image(encoder=encoder(channels=channels))},
        {TASK: plait.Multiclass(on_unseen="missing")},
        training=plait.Training(epochs=epochs, patience=epochs),
        seed=seed,
    )
    began = time.perf_counter()
    learner.fit(
        {"train": parts["train"].slice(0, rows), "validation": parts["valid"]},
        run=False,
        verbose=False,
    )
    seconds = time.perf_counter() - began
    scores = learner.evaluate(parts["valid"])[TASK]
    found = {"rows": rows, "case": factor, "seed": seed, "seconds": seconds}
    return {**found, **{metric: scores[metric] for metric in METRICS}}


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path)
    parser.add_argument("--out", type=Path, default=Path("widths.jsonl"))
    parser.add_argument("--encoder", default="ResNet", choices=("ResNet", "ConvNeXt", "ImageConv"))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--rows", type=int, nargs="+", default=list(EPOCHS))
    parser.add_argument("--widths", nargs="+", default=list(FACTORS)[:3], choices=list(FACTORS))
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--report", action="store_true")
    given = parser.parse_args()
    encoder = getattr(plait, given.encoder)
    runs = []
    if given.out.exists() and not given.quick:
        runs = [json.loads(line) for line in given.out.read_text().splitlines()]
    if not given.report:
        parts = {
            part: pq.read_table(given.data / f"{part}.parquet", columns=["image", TASK])
            for part in ("train", "valid")
        }
        sizes = [64] if given.quick else given.rows
        parts["valid"] = parts["valid"].slice(0, 64 if given.quick else None)
        done = {(r["rows"], r["case"], r["seed"]) for r in runs}
        # The widths of one seed one after another, so that what else the machine does falls on all.
        for seed in range(1 if given.quick else given.seeds):
            for rows in sizes:
                for factor in given.widths:
                    if (rows, factor, seed) in done:
                        continue
                    epochs = 1 if given.quick else EPOCHS.get(rows, 20)
                    runs.append(run(encoder, factor, rows, seed, parts, epochs))
                    print(json.dumps(runs[-1]), flush=True)
                    if not given.quick:
                        with given.out.open("a") as file:
                            file.write(json.dumps(runs[-1]) + "\n")
    told = {}
    for rows in sorted({r["rows"] for r in runs}):
        told[rows] = table_of([r for r in runs if r["rows"] == rows], "as it is", METRICS)
        show(told[rows], f"{rows} pictures", "as it is", METRICS)
    print(json.dumps(told))


if __name__ == "__main__":
    main()
