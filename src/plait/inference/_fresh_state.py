"""Building layers as if nothing had been built before in this process."""

import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import keras

from plait.backend import lightly_compiled

Built = TypeVar("Built")


def in_fresh_state(build: Callable[[], Built], seed: int) -> Built:
    """What `build` returns when it starts from `seed` and from unused names.

    Keras numbers the names of layers, and draws initial weights, from state that everything built
    earlier has moved on; both are kept for each thread. In a thread of its own the same declaration
    always has the same names and the same weights, and the caller's own draws are left alone.
    """
    policy = keras.config.dtype_policy()
    distribution = keras.distribution.distribution()

    def run() -> Built:
        keras.config.set_dtype_policy(policy)
        if distribution is not None:
            keras.distribution.set_distribution(distribution)
        return build()

    # Initializers without a seed draw one from Python's own generator, which threads share.
    before = random.getstate()
    random.seed(seed)
    try:
        with lightly_compiled(), ThreadPoolExecutor(max_workers=1) as thread:
            return thread.submit(run).result()
    finally:
        random.setstate(before)
