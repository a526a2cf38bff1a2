"""`plait compare` that is killed, and the same command again, with runs of its own."""

import json
import signal
import subprocess
import sys
import time

import numpy as np
import pyarrow as pa
import pyarrow.csv as csv
import pytest

CONFIG = """
data: train.csv
features: {a: Number, b: Number}
tasks: {y: Binary, z: Binary}
width: 4
training: {epochs: 60, batch_size: 8, patience: 60}
"""
COMMAND = (sys.executable, "-c", "from plait.cli import main; import sys; sys.exit(main())")
WORDS = ("--fusion", "Mean", "--sharing", "HardSharing,MMoE", "--seeds", "1", "--workers", "2")


def compare(folder, at):
    words = (*COMMAND, "compare", "plait.yaml", *WORDS, "--no-pruning", "--dir", str(at))
    return subprocess.Popen(words, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def lines_of(run):
    path = run / "epochs.jsonl"
    return path.read_text().splitlines() if path.is_file() else []


def scores(folder):
    ways = json.loads((folder / "answer.json").read_text())["ways"]
    return {
        one["name"]: {seed: (run["how"], run["gain"], run["scores"]) for seed, run in runs.items()}
        for one in ways
        for runs in [one["runs"]]
    }


@pytest.mark.long
@pytest.mark.skipif(sys.platform != "linux", reason="runs end with their parent there alone")
def test_the_same_command_comes_to_the_same_answer(tmp_path):
    draw = np.random.default_rng(0)
    a, b = draw.normal(size=(2, 400))
    table = {"a": a, "b": b, "y": (a + b > 0).astype(int), "z": (a * b > 0).astype(int)}
    csv.write_csv(pa.table(table), tmp_path / "train.csv")
    (tmp_path / "plait.yaml").write_text(CONFIG)
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    assert compare(tmp_path, whole).wait(600) == 0

    # In its first two runs, then in the third: each time with epochs behind it.
    counts = []
    for begun in (2, 3):
        process = compare(tmp_path, killed)
        until = time.monotonic() + 300
        while time.monotonic() < until:
            runs = [len(lines_of(run)) for run in killed.glob("runs/*/")]
            if sum(count >= 5 for count in runs) >= begun:
                break
            assert process.poll() is None, process.stderr.read().decode()
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
        process.wait()
        counts.append(sorted(len(lines_of(run)) for run in killed.glob("runs/*/")))
    assert any(0 < count < 60 for count in counts[0]), counts

    ended = {run.parent.name for run in killed.glob("runs/*/metrics.json")}
    # At once: those whose parent was killed may still write their checkpoints.
    process = compare(tmp_path, killed)
    _, complaint = process.communicate(timeout=600)
    assert process.returncode == 0, complaint.decode()
    assert scores(killed) == scores(whole)
    for run in killed.glob("runs/*/"):
        gains = {}
        for one in map(json.loads, lines_of(run)):
            # A run that goes on may tell an epoch again, with the same numbers.
            assert gains.setdefault(one["epoch"], one["mean_gain"]) == one["mean_gain"]
        assert sorted(gains) == list(range(1, 61)), run.name
    begun = {
        line.partition(": ")[2] for line in complaint.decode().splitlines() if "begins" in line
    }
    assert ended
    assert begun
    assert not ended & begun
