import atexit
import gc
import os
import random
import shutil
import tempfile

import pytest

os.environ.setdefault("KERAS_BACKEND", "jax")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# Most of a test's time is XLA's, to make a small net fast that runs for a few steps. So it compiles
# in a third of the time; processes that a test starts inherit it. `XLA_FLAGS= pytest` for all that a
# user's run has.
os.environ.setdefault(
    "XLA_FLAGS",
    "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true "
    "--xla_cpu_use_fusion_emitters=false --xla_cpu_parallel_codegen_split_count=1",
)

# What one test has compiled, no other one need compile again, here and in the processes it starts.
if "JAX_COMPILATION_CACHE_DIR" not in os.environ:
    os.environ["JAX_COMPILATION_CACHE_DIR"] = tempfile.mkdtemp(prefix="plait-tests-")
    os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0.1")
    atexit.register(shutil.rmtree, os.environ["JAX_COMPILATION_CACHE_DIR"], ignore_errors=True)

# Programs are cyclic and large: looking for what is free takes a tenth of the time by Python's default.
gc.set_threshold(100_000, 50, 50)


@pytest.fixture(autouse=True)
def initial_weights_are_the_same_each_time():
    """Keras draws the seed of what was given none from Python's own generator."""
    random.seed(0)
