"""Does `plait check` foresee what `plait fit` takes?

    python bench/estimates.py              # four examples, some five minutes
    python bench/estimates.py av_digits    # this one
    python bench/estimates.py --quick      # one, under a minute

`plait check` and then `plait fit` of configs in examples/, for a few epochs instead of dozens, each a
process of its own. Both begin with an empty cache folder, as at a first run. Measured of `fit` are
seconds from the start of the process to its end, the most memory that it and its children held at
once, and the most bytes in the run's folder, all asked 20 times a second; and what is left there at
the end. Foreseen is what `check` prints.

The bar: each within a factor of 1.5. The last line is JSON.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from memory import resident, tree

HERE = Path(__file__).resolve().parents[1]
FACTOR = 1.5
PLAIT = [sys.executable, "-c", "import sys, plait.cli; sys.exit(plait.cli.main())"]
EXAMPLES = {
    "tox21": ("epochs=4", "checkpoint_every=60"),
    "womens_clothing": ("epochs=3", "checkpoint_every=100"),
    "fashion_products": ("epochs=3", "checkpoint_every=100", "disk_cache=1GB"),
    "av_digits": ("epochs=3", "checkpoint_every=40"),
}
QUICK = {"tox21": ("epochs=2", "checkpoint_every=60")}
SIZES = {"MB": 1e6, "GB": 1e9, "s": 1.0, "min": 60.0, "h": 3600.0}
FORESEEN = {
    "memory": r"memory: ([\d.]+ \w+)",
    "time": r"an epoch .*, ([\d.]+ \w+) for \d+ epochs",
    "disk": r"disk: ([\d.]+ \w+) while",
    "disk_left": r"while it trains, ([\d.]+ \w+) when",
}


def foreseen(words: list[str], cache: str) -> dict[str, float]:
    """What `plait check` prints, in bytes and seconds."""
    command = [*PLAIT, "check", *words]
    done = subprocess.run(
        command, check=True, stdout=subprocess.PIPE, text=True, env=environment(cache)
    )
    told = {}
    for name, pattern in FORESEEN.items():
        count, unit = re.search(pattern, done.stdout)[1].split()
        told[name] = float(count) * SIZES[unit]
    return told


def taken(words: list[str], cache: str, run: Path) -> dict[str, float]:
    """What `plait fit` takes, in bytes and seconds."""
    began = time.monotonic()
    command = [*PLAIT, "fit", *words, "--run", str(run), "--quiet"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, env=environment(cache))
    memory = disk = 0
    while process.poll() is None:
        memory = max(memory, sum(resident(pid) for pid in tree(process.pid)))
        disk = max(disk, size_of(run))
        time.sleep(0.05)
    seconds = time.monotonic() - began
    if process.returncode:
        raise SystemExit("the fit failed")
    return {"memory": memory, "time": seconds, "disk": disk, "disk_left": size_of(run)}


def environment(cache: str) -> dict[str, str]:
    return {**os.environ, "PLAIT_CACHE": cache}


def size_of(folder: Path) -> int:
    total = 0
    for inner, _, files in os.walk(folder):
        for file in files:
            try:
                total += os.stat(os.path.join(inner, file)).st_size
            except FileNotFoundError:  # Renamed, or removed, meanwhile.
                continue
    return total


def compared(name: str, settings: tuple[str, ...], data: Path) -> dict[str, dict[str, float]]:
    words = [str(HERE / "examples" / f"{name}.yaml"), "--data", str(data / name)]
    for setting in settings:
        words += ["--set", f"training.{setting}"]
    with tempfile.TemporaryDirectory() as folder:
        told = foreseen(words, f"{folder}/check")
        found = taken(words, f"{folder}/fit", Path(folder) / "run")
    return {
        what: {
            "foreseen": told[what],
            "taken": round(found[what], 1),
            "ratio": round(told[what] / found[what], 2),
        }
        for what in told
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", choices=[[], *EXAMPLES], metavar="NAME")
    parser.add_argument("--data", type=Path, default=HERE.parent / "shared/data")
    parser.add_argument("--quick", action="store_true")
    args = parser.parse_args()
    chosen = {name: EXAMPLES[name] for name in args.names or EXAMPLES}
    found = {}
    for name, settings in (QUICK if args.quick else chosen).items():
        found[name] = compared(name, settings, args.data)
        for what, row in found[name].items():
            unit, size = ("s ", 1) if what == "time" else ("MB", 1e6)
            print(
                f"{name:16} {what:9}  foreseen {row['foreseen'] / size:8.1f} {unit}  "
                f"taken {row['taken'] / size:8.1f} {unit}  {row['ratio']:.2f}",
                flush=True,
            )
    ratios = [row["ratio"] for rows in found.values() for row in rows.values()]
    within = all(1 / FACTOR <= ratio <= FACTOR for ratio in ratios)
    print(json.dumps({"bench": "estimates", "found": found, "within": within}))


if __name__ == "__main__":
    main()
