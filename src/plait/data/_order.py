"""The order of the rows and each row's key: pure functions of a seed, an epoch and a row."""

import numpy as np

_MULTIPLIERS = (np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB))
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def epoch_order(seed: int, epoch: int, rows: int) -> np.ndarray:
    """A permutation of the rows, `(rows,)` int64, the same on every machine.

    It takes nothing but its arguments, so batch k of epoch e can be had without any earlier one.
    """
    return _generator(seed, epoch).permutation(rows)


def drawn_rows(seed: int, epoch: int, times: np.ndarray) -> np.ndarray:
    """Rows drawn with replacement, as many as there are, `(rows,)` int64, in an order of their own.

    Row r is drawn `times[r]` times on average, as by a weighted random sampler, and in every epoch that
    many times rounded up or down: along a line on which each row, in random order, takes `times[r]`,
    one is drawn at every step of 1 (systematic sampling: W. G. Madow, L. H. Madow, "On the Theory of
    Systematic Sampling", Annals of Mathematical Statistics, 1944). Where all times are 1 each row comes
    once.

    Args:
        seed: of the run.
        epoch: counted from 0.
        times: `(rows,)`, 0 and more, 1 in the mean.
    """
    draw = _generator(seed, epoch)
    line = draw.permutation(len(times))
    ends = np.cumsum(times[line])
    steps = (np.arange(len(times)) + draw.random()) * (ends[-1] / len(times))
    places = np.minimum(np.searchsorted(ends, steps, side="right"), len(times) - 1)
    return draw.permutation(line[places])


def mixed_order(
    seed: int, epoch: int, order: np.ndarray, first: int, beside: int, batch: int, drawn: int
) -> np.ndarray:
    """The rows of an epoch with some others in each batch, `(rows,)` int64.

    The others come in turn, each once before one comes again, in an order of its own for each turn.

    Args:
        seed: of the run.
        epoch: counted from 0.
        order: `(rows,)`, those of the epoch.
        first: the number of the first of the others.
        beside: how many others there are.
        batch: rows of a batch.
        drawn: how many of them are others.
    """
    steps = -(-len(order) // (batch - drawn))
    begun = epoch * steps * drawn
    turns, places = np.divmod(np.arange(begun, begun + steps * drawn), beside)
    others = np.empty(len(turns), "int64")
    for turn in np.unique(turns):
        here = turns == turn
        # Epochs have the numbers from 0 up.
        others[here] = epoch_order(seed, -1 - int(turn), beside)[places[here]]
    others += first
    own = batch - drawn
    parts = [
        part
        for step in range(steps)
        for part in (
            order[step * own : (step + 1) * own],
            others[step * drawn : (step + 1) * drawn],
        )
    ]
    return np.concatenate(parts)


def draws_before(rows: np.ndarray) -> np.ndarray:
    """How often each one of the rows, `(draws,)`, stands before its place."""
    together = np.argsort(rows, kind="stable")
    ordered = rows[together]
    before = np.empty(len(rows), "int64")
    before[together] = np.arange(len(rows)) - np.searchsorted(ordered, ordered)
    return before


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


def _generator(seed: int, epoch: int) -> np.random.Generator:
    key = np.array([seed, epoch], "int64").view("uint64")
    return np.random.Generator(np.random.Philox(key=key))


def _mix(z: np.ndarray) -> np.ndarray:
    z = (z ^ (z >> np.uint64(30))) * _MULTIPLIERS[0]
    z = (z ^ (z >> np.uint64(27))) * _MULTIPLIERS[1]
    return z ^ (z >> np.uint64(31))
