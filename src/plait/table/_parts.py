"""The parts of a table, and random ways to deal rows out to them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Parts:
    """Row indices (counted from 0) of each part, ascending; parts may be empty, and are disjoint."""

    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray


def spread(strata: np.ndarray, fractions: Sequence[float], seed: int) -> Parts:
    """Rows at random, each stratum spread over the parts as evenly as whole rows allow.

    Rows are laid out stratum by stratum, shuffled within; a row's place decides its part, in steps
    so fine that every stretch holds the three parts in their shares.
    """
    rows = len(strata)
    order = shuffled(strata, seed)
    counts = _counts(rows, fractions)
    # Each part's rows stand at equal distances along the order.
    places = np.concatenate([(np.arange(c) + 0.5) / c for c in counts if c])
    owner = np.concatenate([np.full(c, p) for p, c in enumerate(counts) if c])
    part = np.empty(rows, "int64")
    part[order] = owner[np.argsort(places, kind="stable")]
    return Parts(*(np.flatnonzero(part == p) for p in range(3)))


def whole(group: np.ndarray, fractions: Sequence[float], seed: int) -> Parts:
    """Whole groups in random order; each goes to the part that lacks most."""
    part = dealt(group, fractions, seed)
    return Parts(*(np.flatnonzero(part == p) for p in range(3)))


def dealt(group: np.ndarray, shares: Sequence[float], seed: int) -> np.ndarray:
    """Each row's place among `shares`, by whole groups: each goes where most is lacking."""
    sizes = np.bincount(group)
    wanted = np.array(shares) * len(group)
    held = np.zeros(len(shares))
    owner = np.empty(len(sizes), "int64")
    for g in np.random.Generator(np.random.Philox(seed)).permutation(len(sizes)):
        lack = np.where(wanted > 0, (wanted - held) / np.maximum(wanted, 1e-9), -np.inf)
        owner[g] = int(np.argmax(lack))
        held[owner[g]] += sizes[g]
    return owner[group]


def _counts(rows: int, fractions: Sequence[float]) -> list[int]:
    """Whole rows a part: at least one for each part that has a share, where there are enough."""
    counts = [round(rows * f) for f in fractions]
    wanted = [p for p in (1, 2) if fractions[p] > 0]
    for p in wanted:
        if counts[p] == 0 and rows > len(wanted):
            counts[p] = 1
    counts[0] = rows - counts[1] - counts[2]
    while counts[0] < 1:
        counts[1 + int(counts[2] > counts[1])] -= 1
        counts[0] = rows - counts[1] - counts[2]
    return counts


def shuffled(strata: np.ndarray, seed: int) -> np.ndarray:
    """All rows, stratum after stratum, in random order within each."""
    order = np.random.Generator(np.random.Philox(seed)).permutation(len(strata))
    return order[np.argsort(strata[order], kind="stable")]
