"""The order of the rows and each row's key: pure functions of a seed, an epoch and a row."""

import numpy as np

_MULTIPLIERS = (np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB))
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def epoch_order(seed: int, epoch: int, rows: int) -> np.ndarray:
    """A permutation of the rows, `(rows,)` int64, the same on every machine.

    It takes nothing but its arguments, so batch k of epoch e can be had without any earlier one.
    """
    key = np.array([seed, epoch], "int64").view("uint64")
    return np.random.Generator(np.random.Philox(key=key)).permutation(rows)


def row_keys(seed: int, epoch: int, rows: np.ndarray) -> np.ndarray:
    """A key for each row in this epoch, `(rows, 2)` int32: what augmentation and dropout draw from.

    SplitMix64 (G. Steele, D. Lea, C. Flood, "Fast Splittable Pseudorandom Number Generators", OOPSLA
    2014), chained over seed, epoch and row.
    """
    with np.errstate(over="ignore"):
        state = np.full(len(rows), _GOLDEN)
        for word in (np.int64(seed), np.int64(epoch), np.asarray(rows, "int64")):
            state = _mix(state + np.asarray(word).astype("int64").view("uint64") + _GOLDEN)
    return state.view("int32").reshape(-1, 2)


def _mix(z: np.ndarray) -> np.ndarray:
    z = (z ^ (z >> np.uint64(30))) * _MULTIPLIERS[0]
    z = (z ^ (z >> np.uint64(27))) * _MULTIPLIERS[1]
    return z ^ (z >> np.uint64(31))
