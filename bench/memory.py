"""Does memory stay flat as a table grows?

    python bench/memory.py                    # 10 thousand, 100 thousand and 1 million rows
    python bench/memory.py --passes 3         # three times, one size after the other
    python bench/memory.py --quick            # 5 thousand and 20 thousand, under a minute
    python bench/memory.py --without-text     # of which nothing but the pictures is read by batch

One epoch of `Learner.fit` on a table of a short text, three numbers and a distinct picture of 16 x
16 a row, with a class and a number to answer, in batches of 128. Every fit is a process of its own,
and the memory is that of the whole tree of processes: the most that was resident at once, asked 20
times a second. Nothing that was read is kept: pictures are decoded and texts become arrays when a
batch asks for them, at every size (up to 128 MB of a table's arrays are otherwise made before the
first step). Nothing is compiled yet. The text's vocabulary is bounded, so that the model is the same:
more rows hold more n-grams twice, and to move their weights takes time in each step. The table is a
Parquet file, made from a seed, with the bytes of its pictures.

Seconds a row are those of training alone, from the eleventh batch to the ninth from the end: up to
eight are read ahead, and after that one there would be nothing left to read. `whole` has
everything from the start of the process to the end of the fit, and `us_a_row_more` is what each
further row takes of it, from one size to the next. Of several passes, the least memory at the
fewest rows is compared with the most at the most rows, and the median seconds of all sizes.

The bars: the peak at the most rows is at most 1.2 times that at the fewest and 300 MB, and seconds a
row differ by 10 % at most. The last line is JSON.
"""

import argparse
import io
import json
import os
import subprocess
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path
from statistics import median

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

ROWS = [10_000, 100_000, 1_000_000]
QUICK = [5_000, 20_000]
BATCH = 128
WORDS = 5_000
VOCABULARY = 4_000
_BLOCK = 10_000
_FROM_BATCH, _AHEAD = 10, 8


def block(start: int, rows: int) -> pa.Table:
    """Rows `start` and so on, which depend on their number alone."""
    draw = np.random.default_rng(start)
    kinds = draw.integers(0, 5, rows)
    words = draw.integers(0, WORDS, (rows, 8))
    words[:, 0] = kinds
    pixels = draw.integers(0, 200, (rows, 16, 16, 3), dtype="uint8")
    pixels[..., 0] += (10 * kinds)[:, None, None].astype("uint8")
    numbers = draw.normal(size=(3, rows))
    return pa.table(
        {
            "text": [" ".join(f"w{word}" for word in line) for line in words],
            "photo": [png(picture) for picture in pixels],
            **{f"n{i}": column for i, column in enumerate(numbers)},
            "kind": pa.array(kinds).cast(pa.string()),
            "price": numbers[0] + kinds,
        }
    )


def png(pixels: np.ndarray) -> bytes:
    data = io.BytesIO()
    Image.fromarray(pixels).save(data, "PNG", compress_level=0)
    return data.getvalue()


def make(path: Path, rows: int) -> None:
    """Writes the table, block by block."""
    part = path.with_suffix(".part")
    with pq.ParquetWriter(part, block(0, 1).schema) as writer:
        for start in range(0, rows, _BLOCK):
            writer.write_table(block(start, min(_BLOCK, rows - start)))
    part.replace(path)


def fit(path: Path, text: bool) -> dict[str, float]:
    """One fit in this process."""
    started = time.monotonic()
    import keras

    import plait
    from plait.data import _feature_rows

    _feature_rows.CACHE_BYTES = _feature_rows.WHOLE_BYTES = 0

    class Watch(keras.callbacks.Callback):
        async_safe = True

        def __init__(self):
            super().__init__()
            self.times = []

        def on_train_batch_end(self, batch, logs=None):
            float(logs["loss"])
            self.times.append(time.monotonic())

    watch = Watch()
    learner = plait.Learner(
        features={
            **({"text": plait.Text(max_vocabulary=VOCABULARY)} if text else {}),
            "photo": plait.Image(),
            **{f"n{i}": plait.Number() for i in range(3)},
        },
        tasks={"kind": plait.Multiclass(), "price": plait.Regression()},
        training=plait.Training(epochs=1, batch_size=BATCH),
    )
    with tempfile.TemporaryDirectory() as folder:
        learner.fit(path, run=Path(folder) / "run", callbacks=[watch], verbose=False)
    timed = watch.times[_FROM_BATCH:-_AHEAD]
    seconds = (timed[-1] - timed[0]) / ((len(timed) - 1) * BATCH)
    return {"us_a_row": 1e6 * seconds, "whole_s": time.monotonic() - started}


def measured(path: Path, text: bool) -> dict[str, float]:
    """A fit in a process of its own, with the most memory that it and its children held."""
    command = [sys.executable, __file__, "--fit", str(path), *([] if text else ["--without-text"])]
    peak = 0
    with tempfile.TemporaryDirectory() as cache:
        env = {**os.environ, "PLAIT_CACHE": cache}
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=env)
        while process.poll() is None:
            peak = max(peak, sum(resident(pid) for pid in tree(process.pid)))
            time.sleep(0.05)
    if process.returncode:
        raise SystemExit(f"the fit of {path} failed")
    said = process.stdout.read() if process.stdout else ""
    return {**json.loads(said.splitlines()[-1]), "peak_mb": peak / 1e6}


def tree(pid: int) -> list[int]:
    found = [pid]
    for parent in found:
        try:
            for thread in os.listdir(f"/proc/{parent}/task"):
                children = Path(f"/proc/{parent}/task/{thread}/children").read_text()
                found += [int(child) for child in children.split()]
        except OSError:
            continue
    return found


def resident(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=Path(tempfile.gettempdir()) / "plait-memory")
    parser.add_argument("--rows", type=int, nargs="+", default=ROWS)
    parser.add_argument("--passes", type=int, default=1)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--without-text", action="store_true", help="train without the text")
    parser.add_argument("--fit", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.fit:
        print(json.dumps(fit(args.fit, not args.without_text)))
        return
    if min(args.rows) < QUICK[0]:
        parser.error(f"--rows: at least {QUICK[0]}, of which enough batches are timed")
    args.data.mkdir(parents=True, exist_ok=True)
    counts = QUICK if args.quick else args.rows
    fits = {count: [] for count in counts}
    for count in counts * args.passes:
        path = args.data / f"{count}.parquet"
        if not path.exists():
            make(path, count)
        found = measured(path, not args.without_text)
        fits[count].append(found)
        print(
            f"{count:9,} rows  {found['peak_mb']:7.0f} MB  {found['us_a_row']:6.0f} us a row  "
            f"{found['whole_s']:6.0f} s in all",
            flush=True,
        )
    print(json.dumps({"bench": "memory", **verdict(fits)}))


def verdict(fits: dict[int, list[dict[str, float]]]) -> dict[str, object]:
    """What the fits of each number of rows come to, the fewest first."""
    rows = [
        {"rows": count, **{name: [one[name] for one in found] for name in found[0]}}
        for count, found in fits.items()
    ]
    whole = {count: median(one["whole_s"] for one in found) for count, found in fits.items()}
    each = [median(row["us_a_row"]) for row in rows]
    allowed = 1.2 * min(rows[0]["peak_mb"]) + 300
    return {
        "rows": rows,
        "us_a_row_more": [round(1e6 * (whole[b] - whole[a]) / (b - a)) for a, b in pairwise(fits)],
        "allowed_mb": round(allowed),
        "flat": max(rows[-1]["peak_mb"]) <= allowed,
        "us_a_row": [round(one) for one in each],
        "steady": max(each) <= 1.1 * min(each),
    }


if __name__ == "__main__":
    main()
