"""The same numbers on JAX, torch and TensorFlow."""

import importlib.util
import itertools
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import keras
import numpy as np
import pytest

BACKENDS = ("jax", "torch", "tensorflow")
pytestmark = [
    pytest.mark.backends,
    pytest.mark.skipif(
        keras.backend.backend() != "tensorflow",
        reason="it starts all three backends: run with the last of them alone",
    ),
    *(
        pytest.mark.skipif(importlib.util.find_spec(b) is None, reason=f"{b} is not installed")
        for b in BACKENDS
    ),
]


def test_the_same_start_and_batches_give_the_same_weights(tmp_path):
    def trained(backend):
        out = tmp_path / f"{backend}.npz"
        script = Path(__file__).with_name("same_start.py")
        where = {**os.environ, "KERAS_BACKEND": backend}
        subprocess.run([sys.executable, script, out], env=where, check=True, timeout=600)
        return dict(np.load(out))

    with ThreadPoolExecutor() as pool:
        found = dict(zip(BACKENDS, pool.map(trained, BACKENDS), strict=True))
    start = found["jax"].pop("start")
    wrong = []
    for name, (one, other) in itertools.product(found["jax"], itertools.combinations(BACKENDS, 2)):
        moved = min(np.linalg.norm(found[b][name] - start) for b in (one, other))
        apart = np.linalg.norm(found[one][name] - found[other][name])
        if not (moved >= 1e-2 and apart <= min(1e-4, 0.01 * moved)):
            wrong.append(f"{name}: {one} and {other} moved {moved:.3g} and are {apart:.3g} apart")
    assert not wrong, "\n".join(wrong)
