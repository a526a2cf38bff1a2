import json
import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import contextmanager, suppress

import keras
import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image
from tests.journeys.killed import NEVER, Run

from plait.comparison._jobs import result
from plait.inference import Predictor

pytestmark = pytest.mark.skipif(
    keras.backend.backend() != "jax", reason="each process here is one on JAX"
)
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
CONFIG = """\
data: shop.csv
features:
  photo: {Image: {size: 16, flip: both, shift: 0.1, zoom: 0.2, jitter: 0.2}}
  age: Number
  kind: Category
  note: {Text: {encoder: {TextRNN: {width: 8, dropout: 0.3}}}}
tasks:
  sold: Binary
  price: Regression
balancing: PCGrad
training:
  epochs: 20
  batch_size: 16
  patience: 2
  learning_rate: 0.01
  schedule: one_cycle
  modality_dropout: 0.2
  checkpoint_every: 3
  ema: 0.9
width: 8
seed: 4
"""
FEW = "".join(
    line
    for line in CONFIG.splitlines(keepends=True)
    if not line.startswith(("  photo:", "  note:", "  sold:", "balancing:"))
)
"""A model that is soon compiled, where it is no matter what there is to go on with."""
EPOCHS = range(5, 20)
"""As many as patience leaves of twenty, with ten steps in each."""
OPTIMIZED = {"XLA_FLAGS": ""}
"""The environment of a run that is compiled as a user's is; see `tests/conftest.py`."""


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shop")
    draw = np.random.default_rng(0)
    pictures = draw.integers(0, 256, (200, 16, 16, 3), dtype=np.uint8)
    lines = ["photo,age,kind,note,sold,price"]
    for row, picture in enumerate(pictures):
        Image.fromarray(picture).save(folder / f"{row}.png")
        photo = "" if draw.random() < 0.1 else f"{row}.png"
        age, kind = draw.integers(0, 90), draw.choice(["a", "b", "c"])
        note = " ".join(draw.choice(["old", "new", "red", "big"], 3))
        price = age / 10 + (kind == "b") + draw.normal() / 5
        sold = "" if draw.random() < 0.3 else int(age > 40)
        age = "" if draw.random() < 0.2 else age
        lines.append(f"{photo},{age},{kind},{note},{sold},{price:.3f}")
    (folder / "shop.csv").write_text("\n".join(lines) + "\n")
    (folder / "shop.yaml").write_text(CONFIG)
    (folder / "few.yaml").write_text(FEW)
    return folder


def fresh(shop, *words, killed=NEVER, environment=()):
    """A command in a process that begins with nothing, as a user's does."""
    program = ["-m", "tests.journeys.killed", *map(str, killed), "--"]
    return subprocess.Popen(
        [sys.executable, *program, *map(str, words)],
        cwd=shop,
        env={
            **os.environ,
            "PYTHONPATH": f"{ROOT}/src:{ROOT}",
            "KERAS_BACKEND": "jax",
            **dict(environment),
        },
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def run(shop, *words, killed=NEVER, environment=None):
    """The code of a command and what it said; it begins with nothing if it has an environment."""
    if environment is None:
        return Run(shop, words, killed).ended()
    process = fresh(shop, *words, killed=killed, environment=environment)
    out, err = process.communicate(timeout=300)
    return process.returncode, out, err


@pytest.fixture
def here(shop, plait, monkeypatch):
    """Runs a command in this process."""
    monkeypatch.chdir(shop)
    return plait


def left(folder):
    """All that a run leaves, but for the time that it took."""
    history = pq.read_table(folder / "history.parquet").drop_columns(["seconds"]).to_pylist()
    model = (folder / "model.plait").read_bytes()
    return repr(history), (folder / "metrics.json").read_text(), model


def never_killed(shop, name, environment=None):
    code, _, err = run(shop, "fit", "shop.yaml", "--run", name, "--quiet", environment=environment)
    assert code == 0, err
    assert not (shop / name / "checkpoints").exists()
    assert not (shop / name / ".running").exists()
    found = left(shop / name)
    assert found[0].count("'epoch'") in EPOCHS
    return found


@pytest.fixture(scope="module")
def whole(shop):
    """The run that nobody killed."""
    return never_killed(shop, "whole")


@pytest.fixture(scope="module")
def optimized(shop):
    """That run, compiled as a user's is."""
    return never_killed(shop, "optimized", OPTIMIZED)


def resumed(shop, name, environment=None):
    code, _, err = run(shop, "fit", "--resume", name, "--quiet", environment=environment)
    assert code == 0, err
    assert not (shop / name / "checkpoints").exists()
    return left(shop / name)


def killed_and_resumed(shop, name, killed, environment=None):
    words = ("fit", "shop.yaml", "--run", name, "--quiet")
    code, _, err = run(shop, *words, killed=killed, environment=environment)
    assert code == -signal.SIGKILL, err
    assert not (shop / name / "model.plait").exists()
    return resumed(shop, name, environment)


@pytest.mark.long
@pytest.mark.parametrize(
    ("point", "count"),
    [
        ("compiling", 1),
        *(("stepping", n) for n in (1, 4, 10, 11, 17, 20, 29, 31, 40, 49)),
        *(("evaluating", n) for n in (1, 2, 3, 4)),
        *(("renaming", n) for n in (1, 2, 4, 10)),
        ("describing", 1),
        ("recording", 2),
        ("finishing", 1),
    ],
)
def test_a_run_that_is_killed_goes_on_to_the_same_bits(point, count, shop, whole):
    assert killed_and_resumed(shop, f"{point}-{count}", (point, count)) == whole


@pytest.mark.long
@pytest.mark.parametrize(("point", "count"), [("stepping", 24), ("renaming", 7)])
def test_one_that_is_compiled_as_a_users_goes_on_to_the_same_bits(point, count, shop, optimized):
    found = killed_and_resumed(shop, f"{point}-{count}", (point, count), OPTIMIZED)
    assert found == optimized


def killed_at(shop, *words, killed, environment=None):
    code, _, err = run(shop, *words, "--quiet", killed=killed, environment=environment)
    assert code == -signal.SIGKILL, err


@pytest.fixture(scope="module")
def killed(shop):
    """A run that is killed before its first step, and then in its second epoch."""
    killed_at(shop, "fit", "shop.yaml", "--run", "killed", killed=("compiling", 1))
    assert not [*(shop / "killed" / "checkpoints").iterdir()]
    killed_at(shop, "fit", "--resume", "killed", killed=("stepping", 17))
    assert not (shop / "killed" / "model.plait").exists()
    return shop / "killed"


def test_a_run_that_is_killed_several_times_goes_on_to_the_same_bits(shop, killed, whole):
    shutil.copytree(killed, shop / "several")
    for point in (("renaming", 2), ("evaluating", 2)):
        killed_at(shop, "fit", "--resume", "several", killed=point)
    assert resumed(shop, "several", environment={}) == whole


@pytest.mark.long
def test_a_run_that_is_killed_several_times(shop, optimized):
    begins, goes_on = ("fit", "shop.yaml", "--run", "often"), ("fit", "--resume", "often")
    for words, killed in (
        (begins, ("stepping", 8)),
        (goes_on, ("stepping", 5)),
        (goes_on, ("renaming", 1)),
        (goes_on, ("evaluating", 2)),
    ):
        killed_at(shop, *words, killed=killed, environment=OPTIMIZED)
    assert resumed(shop, "often", OPTIMIZED) == optimized


@pytest.fixture(scope="module")
def length(shop, whole):
    """How many seconds the whole run takes where its programs are compiled already."""
    began = time.monotonic()
    assert never_killed(shop, "timed", environment={}) == whole
    return time.monotonic() - began


def killed_after(shop, name, seconds):
    """A run that is killed from outside; how long it took if it was over by then, else None."""
    began = time.monotonic()
    process = fresh(shop, "fit", "shop.yaml", "--run", name, "--quiet")
    with suppress(subprocess.TimeoutExpired):
        _, err = process.communicate(timeout=seconds)
        assert process.returncode == 0, err
        return time.monotonic() - began
    process.kill()
    process.communicate()
    return None if process.returncode else time.monotonic() - began


@pytest.mark.long
@pytest.mark.parametrize("third", range(3))
def test_a_run_that_is_killed_whatever_it_is_doing(third, shop, whole, length):
    name, draw = f"third-{third}", np.random.default_rng(third)
    for _ in range(3):
        moment = 0.8 * draw.uniform(third, third + 1) / 3
        took = killed_after(shop, name, moment * length)
        if took is None:
            break
        # Less was asked of the machine than when the length was measured.
        shutil.rmtree(shop / name)
        length = took
    else:
        pytest.fail("the run was over each time before it was killed")
    if not (shop / name / "command.json").exists():
        # It had not come to write what it was asked for, or not even to make a folder for it.
        why = "holds no run that `plait fit` began" if (shop / name).exists() else "is not there"
        code, _, err = run(shop, "fit", "--resume", name, "--quiet")
        assert (code, why in err) == (2, True), err
        shutil.rmtree(shop / name, ignore_errors=True)
        assert never_killed(shop, name) == whole
    else:
        assert resumed(shop, name) == whole


def left_of_folds(folder):
    """All that a run of folds leaves, but for the time that it took."""
    names = sorted(inner.name for inner in folder.glob("fold-*"))
    return names, [left(folder / name) for name in names], (folder / "metrics.json").read_text()


FOLDS = ("--set", "training.epochs=2", "--quiet")


@pytest.fixture(scope="module")
def whole_folds(shop):
    """The folds that nobody killed."""
    code, _, err = run(shop, "fit", "few.yaml", "--run", "folds", "--folds", "3", *FOLDS)
    assert code == 0, err
    return left_of_folds(shop / "folds")


@pytest.mark.parametrize(
    ("point", "count"),
    [
        ("stepping", 20),
        *(
            pytest.param(*killed, marks=pytest.mark.long)
            for killed in [
                *(("stepping", n) for n in (3, 14)),
                *(("evaluating", n) for n in (1, 3, 6)),
                *(("describing", n) for n in (1, 2, 3)),
                ("finishing", 2),
            ]
        ),
    ],
)
def test_folds_that_are_killed_go_on_with_the_one_that_they_were_in(
    point, count, shop, whole_folds, here
):
    name = f"folds-{point}-{count}"
    begins = ("fit", "few.yaml", "--run", name, "--folds", "3", *FOLDS)
    killed_at(shop, *begins, killed=(point, count))
    over = [*(shop / name).glob("*/model.plait")]
    written = {path: path.stat().st_mtime_ns for path in over}
    code, out, err = run(shop, "fit", "--resume", name, "--quiet")
    assert code == 0, err
    assert left_of_folds(shop / name) == whole_folds
    assert out.count("fold ") == 3
    assert {path: path.stat().st_mtime_ns for path in over} == written
    assert not [*(shop / name).rglob("checkpoints")]
    said = here("fit", "--resume", name)
    assert (said.code, "is over" in said.err) == (2, True), said.err


ENDLESS = ("--set", "training.epochs=4000", "--set", "training.patience=4000", "--quiet")


def started(shop, name):
    """A run of many epochs, once it has written a checkpoint."""
    process = Run(shop, ("fit", "few.yaml", "--run", name, *ENDLESS), NEVER)
    until = time.monotonic() + 300
    while not list((shop / name).glob("checkpoints/*.checkpoint")):
        assert not process.is_over, process.ended()
        assert time.monotonic() < until
        time.sleep(0.05)
    return process


def test_ctrl_c_stops_a_run_after_a_step(shop):
    process = started(shop, "interrupted")
    process.send(signal.SIGINT)
    code, _, err = process.ended(60)
    assert code == 128 + signal.SIGINT
    assert "Stopped by signal 2. `plait fit --resume interrupted` goes on where it was." in err
    assert "Traceback" not in err


def test_signals_stop_a_run_after_a_step_and_others_are_refused_meanwhile(shop, here):
    process = started(shop, "stopped")
    said = here("fit", "--resume", "stopped", "--quiet")
    assert said.code == 2
    assert f"Another process ({process.pid}) writes to the run 'stopped'" in said.err
    said = here("fit", "few.yaml", "--run", "stopped", "--quiet")
    assert said.code == 2
    assert "holds something" in said.err
    process.send(signal.SIGTERM)
    code, _, err = process.ended(60)
    assert code == 128 + signal.SIGTERM
    assert "Stopped by signal 15. `plait fit --resume stopped` goes on where it was." in err
    assert "Traceback" not in err
    assert len(list((shop / "stopped").glob("checkpoints/*"))) <= 2

    # What another table or another checkpoint says.
    with another_table(shop):
        said = here("fit", "--resume", "stopped", "--quiet")
    assert said.code == 2
    assert "rows are not those that the run 'stopped' began with: sha256" in said.err


@contextmanager
def another_table(shop):
    table = (shop / "shop.csv").read_text()
    (shop / "shop.csv").write_text(table.replace(",a,", ",b,", 1))
    try:
        yield
    finally:
        (shop / "shop.csv").write_text(table)


def test_a_damaged_checkpoint_is_told_and_the_one_before_is_used(shop, killed, whole):
    shutil.copytree(killed, shop / "damaged")
    last = max((shop / "damaged" / "checkpoints").iterdir())
    data = bytearray(last.read_bytes())
    data[len(data) // 2] ^= 0xFF
    last.write_bytes(data)
    code, _, err = run(shop, "fit", "--resume", "damaged", "--quiet")
    assert code == 0, err
    assert f"{last.name} is refused" in err
    assert "the one before, is used" in err
    assert left(shop / "damaged") == whole


def test_what_there_is_to_go_on_with(here, whole):
    for words, message in (
        (["fit", "--resume", "whole"], "The run 'whole' is over"),
        (["fit", "--resume", "nowhere"], "'nowhere' is not there"),
        (["fit", "shop.yaml", "--resume", "whole"], "--resume goes on with a run as it began"),
        (["fit"], "fit needs a config, or --resume RUN"),
    ):
        said = here(*words)
        assert (said.code, message in said.err) == (2, True), said.err


def test_the_same_run_again_comes_to_the_same(shop, here, whole):
    said = here("rerun", "whole", "--quiet")
    told = "whole-rerun: the same weights and history\n"
    assert (said.code, said.out) == (0, told), said.err
    assert left(shop / "whole-rerun") == whole
    with another_table(shop):
        said = here("rerun", "whole", "--quiet")
    assert (said.code, said.out) == (2, "")
    assert "rows are not those that the run 'whole' began with: sha256" in said.err
    assert not (shop / "whole-rerun-2").exists()
    said = here("rerun", "nowhere")
    assert said.code == 2
    assert "'nowhere' is not there" in said.err


def test_training_ends_in_time_and_keeps_what_it_learnt(shop, here, whole):
    said = here("fit", "few.yaml", "--run", "short", *ENDLESS, "--max-minutes", "0.05")
    assert said.code == 0, said.err
    assert 0 < pq.read_table(shop / "short" / "history.parquet").num_rows < 4000
    assert "The 0.05 minutes were over in epoch" in said.err
    assert result(shop / "short").ended in said.err
    assert result(shop / "whole").ended == ""
    assert Predictor.load(shop / "short").tasks


def test_what_a_run_says_of_itself(shop, whole):
    said = json.loads((shop / "whole" / "command.json").read_text())
    assert said["data_dir"] == str(shop)
    assert Predictor.load(shop / "whole").tasks.keys() == {"sold", "price"}
