"""From files on disk to batches in memory: how much a second, beside other loaders?

    python bench/data.py                      # every loader that is installed, some minutes
    python bench/data.py --quick              # smaller and three rounds, under a minute

What is read, made from a seed unless said:

- `photos`: JPEGs of 224 x 224, taken as they are, in batches of 32.
- `large photos`: JPEGs of 1000 x 1000, shrunk to 96 x 96.
- `clips`: WAV files of 2 seconds, to samples.
- `census`: a Parquet file of 42 columns (`--census`), numbers standardised and categories numbered, in
  batches of 256.
- `tokens`: a Parquet file of texts, as numbered words and marks, padded.

`bare` is the least that must be done, and no batches of it: files that are in memory already, decoded
in as many threads as there are cores and thrown away; of large photos at the same scale, and not
resized. Tables are read and turned into arrays whole. It is the bar of photos.

`plait` decodes and forgets, as it does where media are too many for its memory, and as all others do.
`plait, keeping` is its first epoch of media that it keeps; later epochs only copy.

Every loader has a process of its own, started before anything is measured and idle while another is
measured. They take turns, a pass over everything each, shuffled. The files are in the system's cache.
Peers are at their best: torch keeps its workers, and indexes whole batches where rows are arrays
already; TensorFlow decodes and cuts texts in operations of its own. That all read the same is checked.

A loader whose package is not there is named and left out. A ratio to plait is the median over the
rounds with its 95 % bootstrap interval. The last line is JSON.
"""

import argparse
import io
import json
import os
import subprocess
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from loaders import LOADERS, LONGEST, Pass
from ratios import ratio

SIZES = {"photos": 2000, "large photos": 300, "clips": 2000, "census": 10**9, "tokens": 20_000}
# Whole batches, of which two threads take as many each.
QUICK = {"photos": 256, "large photos": 64, "clips": 256, "census": 20_480, "tokens": 4_096}
ROUNDS, QUICK_ROUNDS = 15, 3
NEEDS = {
    "bare": "simplejpeg",
    "plait, keeping": "plait",
    "torch, 0 workers": "torch",
    "torch, 2 workers": "torch",
    "tf.data": "tensorflow",
}
CENSUS = Path(__file__).resolve().parents[2] / "shared/data/census_income_kdd/train.parquet"
BAR_OF_PHOTOS, BAR_OF_CENSUS = 0.8, 300_000
RATE, SECONDS = 16_000, 2


def make(folder: Path, sizes: dict[str, int], census: Path) -> None:
    """Writes what is not there yet."""
    makers = {"photos": lambda n: photo(n, 224), "large photos": lambda n: photo(n, 1000)}
    for job, maker in {**makers, "clips": clip}.items():
        (folder / job).mkdir(parents=True, exist_ok=True)
        for number in range(sizes[job]):
            path = folder / job / f"{number:05}"
            if not path.exists():
                path.write_bytes(maker(number))
    draw = np.random.default_rng(0)
    texts = [
        " ".join(f"word{int(5000 * u**3)}" for u in draw.random(draw.integers(5, LONGEST))) + "."
        for _ in range(sizes["tokens"])
    ]
    pq.write_table(pa.table({"text": texts}), folder / "tokens.parquet")
    pq.write_table(pq.read_table(census).slice(0, sizes["census"]), folder / "census.parquet")


def photo(number: int, side: int) -> bytes:
    """Smooth colours and a little grain: about as many bytes as a photo has."""
    import simplejpeg
    from PIL import Image

    draw = np.random.default_rng(number)
    rough = Image.fromarray(draw.integers(0, 256, (12, 12, 3), dtype="uint8"))
    smooth = np.asarray(rough.resize((side, side), Image.Resampling.BICUBIC))
    pixels = np.clip(smooth + draw.normal(0, 6, (side, side, 1)), 0, 255).astype("uint8")
    return simplejpeg.encode_jpeg(pixels, quality=90, colorsubsampling="420")


def clip(number: int) -> bytes:
    import soundfile

    data, draw = io.BytesIO(), np.random.default_rng(number)
    soundfile.write(data, draw.normal(0, 0.1, RATE * SECONDS), RATE, format="WAV")
    return data.getvalue()


class Child:
    """A loader in a process of its own."""

    def __init__(self, loader: str, folder: Path, sizes: dict[str, int]) -> None:
        command = [sys.executable, __file__, "--child", loader, str(folder), json.dumps(sizes)]
        quiet = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
        self._loader = loader
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=quiet
        )

    def tell(self, order: str, job: str) -> None:
        print(order, job, file=self._process.stdin, flush=True)

    def answer(self) -> dict[str, Any]:
        """What the child says of the last order."""
        for line in self._process.stdout or ():
            if line.startswith("{"):
                return json.loads(line)
        raise SystemExit(f"{self._loader}: its process died; what it said stands above")

    def end(self) -> None:
        self._process.communicate()


def serve(loader: str, folder: Path, sizes: dict[str, int]) -> None:
    """Does as it is told: `prepare JOB`, `run JOB`."""
    source = LOADERS[loader](folder, sizes)
    passes: dict[str, Pass | None] = {}
    for line in sys.stdin:
        order, job = line.strip().split(" ", 1)
        if order == "prepare":
            passes[job] = source.prepared(job)
        print(json.dumps(measured(passes[job]) if passes[job] else {}), flush=True)


def measured(read: Pass) -> dict[str, float]:
    items = 0.0
    started = time.perf_counter()
    for values, *counts in read():
        items += float(np.sum(counts[0])) if counts else len(values)
    return {"seconds": time.perf_counter() - started, "items": items}


def rates(folder: Path, sizes: dict[str, int], loaders: list[str], rounds: int) -> dict[str, Any]:
    """Items a second by job and loader, `(rounds,)` each, measured in turn."""
    children = {name: Child(name, folder, sizes) for name in loaders}
    found: dict[str, dict[str, list[float]]] = {}
    for job in sizes:
        # The first pass is none that counts: imports, vocabularies, graphs and workers come with it.
        for child in children.values():
            child.tell("prepare", job)
        first = {name: child.answer() for name, child in children.items()}
        there = [name for name in loaders if first[name]]
        read = {first[name]["items"] for name in there}
        if len(read) != 1:
            raise SystemExit(f"{job}: not all read the same: {first}")
        found[job] = {name: [] for name in there}
        for turn in range(rounds):
            for name in there[turn % len(there) :] + there[: turn % len(there)]:
                children[name].tell("run", job)
                said = children[name].answer()
                found[job][name].append(said["items"] / said["seconds"])
    for child in children.values():
        child.end()
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=Path(tempfile.gettempdir()) / "plait-data")
    parser.add_argument("--census", type=Path, default=CENSUS)
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--child", nargs=3, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child:
        loader, folder, sizes = args.child
        serve(loader, Path(folder), json.loads(sizes))
        return
    sizes = QUICK if args.quick else SIZES
    folder = args.data / ("quick" if args.quick else "whole")
    make(folder, sizes, args.census)
    needs = {name: NEEDS.get(name, name) for name in LOADERS}
    missing = {name: package for name, package in needs.items() if find_spec(package) is None}
    for name, package in missing.items():
        print(f"{name}: not measured, since no package '{package}' is found by {sys.executable}")
    loaders = [name for name in LOADERS if name not in missing]
    load = os.getloadavg()[0]
    found = rates(folder, sizes, loaders, args.rounds or (QUICK_ROUNDS if args.quick else ROUNDS))
    rows = []
    for job, by_loader in found.items():
        for name, values in by_loader.items():
            median, low, high = ratio(values, by_loader["plait"])
            rows.append(
                {"job": job, "loader": name, "a_second": round(float(np.median(values)))}
                | {"to_plait": round(median, 3), "low": round(low, 3), "high": round(high, 3)}
            )
            print(
                f"{job:13} {name:17} {rows[-1]['a_second']:11,} a second   {median:5.2f} of plait "
                f"({low:.2f} to {high:.2f})"
            )
    photos = [1 / row["high"] for row in rows if (row["job"], row["loader"]) == ("photos", "bare")]
    census = [row["a_second"] for row in rows if (row["job"], row["loader"]) == ("census", "plait")]
    verdict = {"photos": photos[0] >= BAR_OF_PHOTOS, "census": census[0] >= BAR_OF_CENSUS}
    said = {"bench": "data", "load": load, "missing": missing, "rows": rows}
    print(json.dumps({**said, "within": verdict}))


if __name__ == "__main__":
    main()
