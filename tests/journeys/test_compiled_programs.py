"""What one process has compiled, the next one need not."""

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import keras
import pytest

pytestmark = pytest.mark.skipif(
    keras.backend.backend() != "jax", reason="only JAX's programs can be kept"
)
RUN = """
import jax
import plait
from tests.unit.inference import tiny

told = []
jax.monitoring.register_event_listener(lambda event, **_: told.append(event))
training = plait.Training(epochs=1, batch_size=16)
learner = plait.Learner(tiny.features(), tiny.tasks(), training=training, width=4)
learner.fit(tiny.columns(), run=False, verbose=False)
print(told.count("/jax/compilation_cache/cache_hits"))
"""


def hits(**settings):
    """How many programs a run takes from a cache, with such variables in its environment."""
    theirs = ("JAX_COMPILATION_CACHE", "JAX_PERSISTENT_CACHE")
    ours = {k: v for k, v in os.environ.items() if not k.startswith(theirs)}
    root = str(Path(__file__).parents[2])
    done = subprocess.run(
        [sys.executable, "-c", RUN],
        env={**ours, **{name: str(value) for name, value in settings.items()}},
        cwd=root,
        capture_output=True,
        text=True,
        check=True,
    )
    return int(done.stdout.splitlines()[-1])


def test_a_second_run_of_the_same_shapes_compiles_no_step(tmp_path):
    assert hits(PLAIT_CACHE=tmp_path) == 0
    kept = sorted(path.name for path in (tmp_path / "compiled").glob("*-cache"))
    assert any("train_step" in name for name in kept)
    assert hits(PLAIT_CACHE=tmp_path) >= len(kept)
    assert sorted(path.name for path in (tmp_path / "compiled").glob("*-cache")) == kept


def test_a_folder_of_jaxs_own_settings_stays(tmp_path):
    own, ours = tmp_path / "own", tmp_path / "ours"
    every = {"JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": 0}
    hits(PLAIT_CACHE=ours, JAX_COMPILATION_CACHE_DIR=own, **every)
    kept = Counter(path.name.split("-")[0] for path in own.glob("*-cache"))
    assert not (ours / "compiled").exists()
    # All of them, here: the optimizer's zeros and an epoch's results are none.
    assert kept["jit_train_step"] == 1
    assert kept["jit_broadcast_in_dim"] < 5
    assert not kept["jit_true_divide"]
