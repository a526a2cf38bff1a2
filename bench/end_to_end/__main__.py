"""One job from the start of a process to the saved model: plait beside programs by hand.

    python bench/end_to_end               # times and scores, an hour and a quarter on two cores
    python bench/end_to_end --no-scores   # times alone, an hour
    python bench/end_to_end --quick       # a small job, under a minute
    python bench/end_to_end --large --rounds 2 --no-scores   # for a GPU

The job is that of `job.py`: 2,000 rows of a 64 x 64 PNG, a caption, three numbers and two
categories; four things to answer; five epochs in batches of 32. The programs, each a process of its
own, in turn, round by round:

- `keras`, `torch`: `by_hand_keras.py` and `by_hand_torch.py`, the network that one writes first,
  with all arrays in memory.
- `plait`: `plait fit default.yaml`, which names no encoder, with an empty cache of compiled
  programs.
- `plait again`: the same with the cache that the first one left.
- `same`, `same again`: `same.py`, plait with the very layers of `keras`, from the files, whose
  pictures are decoded in the first epoch; `same from disk` decodes them in every epoch.

The large job is for a GPU: 8,000 rows, JPEGs of 224 x 224, batches of 64, and ResNet-50 as the trunk of
all but `plait`. What it costs to ask and the phases are left out, and the share of the steady
epochs in which the GPU is busy is told, where `pynvml` is installed.

A ratio is the median of the pairs, one a round, with the 95 % bootstrap interval of that median,
whose upper end counts. The fastest of the programs by hand is the one with the lower median. Scores
are means over the seeds on 2,000 fresh rows, with their standard errors: accuracy, and for price the
mean absolute error.

Then: where the time of `plait fit` goes (`phases.py`), nothing compiled and again, medians of three;
the CPU seconds of `plait predict` on 500 rows in a fresh process; the milliseconds that a warm
`Predictor` takes for one row; those of `plait --help`; and the seconds that `import plait` adds to
`import keras`. The last line is JSON.

To be run where plait and torch are installed and TensorFlow is not: Keras imports it wherever it is,
which takes seconds of every program but torch's.
"""

import argparse
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import job
from busy import Busy, device

HERE = Path(__file__).parent
sys.path.append(str(HERE.parent))

from ratios import ratio

PLAIT = [str(Path(sys.executable).with_name("plait"))]
PROGRAMS = ("torch", "keras", "plait", "plait again", "same", "same again", "same from disk")
_ONE_ROW = """
import json, statistics, sys, time
import plait
from plait.inference import Predictor
from plait.table import Table
predictor = Predictor.load(sys.argv[1])
table = Table.read(sys.argv[2])
took = []
for row in range(220):
    one = table.take([row % len(table)])
    began = time.perf_counter()
    predictor.predict(one)
    took.append(time.perf_counter() - began)
print(json.dumps(1e3 * statistics.median(took[20:])))
"""


def command(program: str, folder: Path, out: Path, seed: int, score: bool) -> list[str]:
    """What runs a program."""
    name = program.split(maxsplit=1)[0]
    made = job.Job.of(folder)
    size = [f"features.picture.Image.size={made.side}", f"training.batch_size={made.batch}"]
    if name == "plait":
        run = [*PLAIT, "fit", str(folder / "default.yaml"), "--run", str(out), "--seed", str(seed)]
        return [*run, *(part for each in size for part in ("--set", each))]
    if name == "phases":
        phases = [sys.executable, str(HERE / "phases.py"), str(folder / "default.yaml")]
        return [*phases, str(out), str(seed), *size]
    script = {"torch": "by_hand_torch.py", "keras": "by_hand_keras.py", "same": "same.py"}[name]
    to = out if name == "same" else out.with_suffix(".keras" if name == "keras" else ".pt")
    return [sys.executable, str(HERE / script), str(folder), str(to), str(seed), *["score"] * score]


def run(program: str, folder: Path, seed: int, caches: Path, score: bool = False) -> dict:
    """Runs one to its end: the seconds of the whole process, and what it told."""
    name = program.split(maxsplit=1)[0]
    out = folder / "out" / name
    shutil.rmtree(out, ignore_errors=True)
    cache = caches / name
    if not program.endswith(("again", "disk")):
        shutil.rmtree(cache, ignore_errors=True)
    out.parent.mkdir(exist_ok=True)
    began = time.monotonic()
    with Busy() as busy:
        done = subprocess.run(
            command(program, folder, out, seed, score),
            env={
                **os.environ,
                "XDG_CACHE_HOME": str(cache),
                "EVERY_EPOCH": "1" if program.endswith("disk") else "",
            },
            capture_output=True,
            text=True,
            check=False,
        )
    seconds = time.monotonic() - began
    if done.returncode:
        raise SystemExit(f"{program} failed:\n{done.stdout}\n{done.stderr}")
    told = {"seconds": seconds}
    if name != "plait":
        told |= json.loads(done.stdout.splitlines()[-1])
        told["busy"] = busy.between(told["ends"][0], told["ends"][-1])
    elif score:
        told["scores"] = evaluated(out, folder / "test.csv")
    return told


def evaluated(model: Path, table: Path) -> dict[str, float]:
    """The scores of a run, as the programs by hand tell theirs."""
    code = (
        "import json, sys, plait; found = plait.Learner.load(sys.argv[1]).evaluate(sys.argv[2]);"
        "print(json.dumps({t: s.get('accuracy', s.get('mae')) for t, s in found.items()}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(model), str(table)],
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout.splitlines()[-1])


def compare(ours: list[float], theirs: list[float]) -> dict[str, float]:
    """Round by round."""
    return {name: round(value, 3) for name, value in ratio(ours, theirs)._asdict().items()}


def cpu_seconds(arguments: list[str], cache: str | None = None) -> float:
    """Of a process and its children, user and system; `cache` in place of the cache folder."""
    env = {**os.environ, **({"XDG_CACHE_HOME": cache} if cache else {})}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(arguments, capture_output=True, check=True, env=env)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def wall_seconds(arguments: list[str], times: int) -> float:
    """The median of a few runs."""
    took = []
    for _ in range(times):
        began = time.monotonic()
        subprocess.run(arguments, capture_output=True, check=True)
        took.append(time.monotonic() - began)
    return statistics.median(took)


def answers(folder: Path, model: Path, times: int) -> dict[str, float]:
    """What it costs to ask the model, and to start."""
    lines = (folder / "test.csv").read_text().splitlines(keepends=True)
    few = folder / "few.csv"
    few.write_text("".join(lines[:501]))
    ask = [*PLAIT, "predict", str(model), str(few), "-o", str(folder / "answers.parquet")]
    one = subprocess.run(
        [sys.executable, "-c", _ONE_ROW, str(model), str(folder / "test.csv")],
        capture_output=True,
        text=True,
        check=True,
    )
    imports = [
        wall_seconds([sys.executable, "-c", f"import {what}"], times)
        for what in ("keras, plait", "keras")
    ]
    with tempfile.TemporaryDirectory() as empty:
        cold = cpu_seconds(ask, empty)
    return {
        "predict_500_cpu_s": round(statistics.median(cpu_seconds(ask) for _ in range(times)), 2),
        "predict_500_nothing_compiled_cpu_s": round(cold, 2),
        "one_row_ms": round(json.loads(one.stdout.splitlines()[-1]), 2),
        "help_s": round(wall_seconds([*PLAIT, "--help"], times), 3),
        "import_adds_s": round(imports[0] - imports[1], 3),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--no-scores", action="store_true")
    parser.add_argument("--programs", nargs="+", choices=PROGRAMS, default=PROGRAMS)
    parser.add_argument("--large", action="store_true", help="the job for a GPU")
    parser.add_argument("--quick", action="store_true")
    given = parser.parse_args()
    rounds, seeds, programs = given.rounds, 0 if given.no_scores else given.seeds, given.programs
    made = job.LARGE if given.large else job.SMALL
    if given.quick:
        rounds, seeds, programs = 1, 0, ("keras", "plait", "plait again")
        made = made._replace(rows=200)
    for name in [n for n in os.environ if n.startswith(("PLAIT_", "JAX_", "XLA_"))]:
        del os.environ[name]
    os.environ["KERAS_BACKEND"] = "jax"
    found: dict[str, list[dict]] = {program: [] for program in programs}
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        job.make(folder, made)
        shutil.copy(HERE / "default.yaml", folder)
        for number in range(rounds):
            for program in programs:
                told = run(program, folder, number, folder / "caches")
                found[program].append(told)
                more = {name: told[name] for name in ("epochs", "busy") if told.get(name)}
                print(f"round {number + 1}  {program:12}{told['seconds']:8.1f} s", more, flush=True)
        os.environ["XDG_CACHE_HOME"] = str(folder / "caches" / "plait")
        result = {
            "bench": "end_to_end",
            "cores": os.cpu_count(),
            "gpu": device(),
            "job": made._asdict(),
            "quick": given.quick,
            **compared(found),
        }
        if not given.large:
            result["ask"] = answers(folder, folder / "out" / "plait", 1 if given.quick else 5)
            result["phases"] = phases(folder, 1 if given.quick else 3)
        if seeds:
            result["scores"] = scored(folder, seeds)
    for name, value in result.items():
        print(f"{name}: {value}")
    print(json.dumps(result))


def compared(found: dict[str, list[dict]]) -> dict:
    """Seconds, and ratios to the programs by hand."""
    seconds = {program: [told["seconds"] for told in runs] for program, runs in found.items()}
    by_hand = [program for program in ("torch", "keras") if program in found]
    fastest = min(by_hand, key=lambda program: statistics.median(seconds[program]))
    whole = {
        program: compare(seconds[program], seconds[fastest])
        for program in found
        if program.startswith("plait")
    }
    result = {
        "seconds": {p: round(statistics.median(s), 2) for p, s in seconds.items()},
        "fastest_by_hand": fastest,
        "whole_of_fastest": whole,
    }
    for program, runs in found.items():
        busy = [told["busy"] for told in runs if told.get("busy") is not None]
        if busy:
            result.setdefault("busy", {})[program] = round(statistics.median(busy), 3)
    if {"keras", "same"} <= found.keys():
        steady = {
            program: [statistics.mean(told["epochs"][1:]) for told in found[program]]
            for program in ("keras", "same", "same again", "same from disk")
            if program in found
        }
        result["epoch_seconds"] = {p: round(statistics.median(s), 2) for p, s in steady.items()}
        for program in [name for name in steady if name != "keras"]:
            result[f"{program}: epoch of keras"] = compare(steady[program], steady["keras"])
            result[f"{program}: whole of keras"] = compare(seconds[program], seconds["keras"])
    return result


def phases(folder: Path, rounds: int) -> dict[str, dict[str, float]]:
    """Seconds of each phase of a fit and in all, and of CPU, nothing compiled and again: medians."""
    told: dict[str, list[dict]] = {"phases": [], "phases again": []}
    for number in range(rounds):
        for program, runs in told.items():
            done = run(program, folder, number, folder / "caches")
            busy = {} if done["busy"] is None else {"busy": done["busy"]}
            phases = {**done["phases"], "whole": done["seconds"], "cpu": done["cpu"], **busy}
            runs.append(phases)
    return {
        program: {name: round(statistics.median(r[name] for r in runs), 2) for name in runs[0]}
        for program, runs in told.items()
    }


def scored(folder: Path, seeds: int) -> dict:
    """Each program's scores over the seeds: mean and standard error."""
    table: dict[str, dict[str, list[float]]] = {}
    for program in ("torch", "keras", "plait again", "same again"):
        told = [
            run(program, folder, seed, folder / "caches", score=True)["scores"]
            for seed in range(seeds)
        ]
        table[program.split()[0]] = {task: [t[task] for t in told] for task in told[0]}
    return {
        program: {
            task: [
                round(statistics.mean(values), 4),
                round(statistics.stdev(values) / len(values) ** 0.5, 4) if seeds > 1 else None,
            ]
            for task, values in tasks.items()
        }
        for program, tasks in table.items()
    }


if __name__ == "__main__":
    main()
