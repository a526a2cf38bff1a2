"""How well the one side of rows finds the other."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np

from plait.tasks._nearest import cosine_blocks
from plait.tasks._scores import weighted_median

AT = (1, 5, 10)
"""Of which a recall is told."""
_ALIKE = 1e-6
"""Cosines that are nearer to each other than this are equal: how they are rounded is chance."""


@dataclass(frozen=True)
class Ranks:
    """Where what is asked for stands among what there is to find.

    Attributes:
        before: `(asked,)`, how many wrong ones are nearer than the nearest right one.
        tied: `(asked,)`, how many wrong ones are as near as it.
        wrong: `(asked,)`, how many wrong ones there are.
        weights: `(asked,)`, the rows that ask so, by their weights.
        candidates: how many there are to find.
    """

    before: np.ndarray
    tied: np.ndarray
    wrong: np.ndarray
    weights: np.ndarray
    candidates: int

    @classmethod
    def of(
        cls,
        asking: np.ndarray,
        found: np.ndarray,
        held: np.ndarray,
        weights: np.ndarray,
    ) -> Self:
        """Those of some rows, one side of which asks for the other.

        Args:
            asking: `(rows, width)` of length 1.
            found: `(rows, width)` of length 1, of the other side.
            held: `(rows, 2)`, a number for what the asking side holds, and for what the other one does.
            weights: `(rows,)`.
        """
        _, first, ask = np.unique(held[:, 0], return_index=True, return_inverse=True)
        _, others, answer = np.unique(held[:, 1], return_index=True, return_inverse=True)
        pairs = np.unique(np.stack([ask.reshape(-1), answer.reshape(-1)], axis=1), axis=0)
        starts = np.searchsorted(pairs[:, 0], np.arange(len(first) + 1))
        before, tied = np.zeros((2, len(first)), "int64")
        for rows, near in cosine_blocks(asking[first], found[others]):
            some = pairs[starts[rows.start] : starts[rows.stop]]
            within = some[:, 0] - rows.start
            right = near[within, some[:, 1]]
            begins = starts[rows.start : rows.stop] - starts[rows.start]
            best = np.maximum.reduceat(right, begins)
            as_near = np.add.reduceat((right >= best[within] - _ALIKE).astype("int64"), begins)
            before[rows] = (near > best[:, None] + _ALIKE).sum(axis=1)
            tied[rows] = (near >= best[:, None] - _ALIKE).sum(axis=1) - before[rows] - as_near
        wrong = len(others) - np.diff(starts)
        return cls(before, tied, wrong, np.bincount(ask.reshape(-1), weights), len(others))

    def recall(self, k: int) -> float:
        """How often the right one is among the first k."""
        share = np.clip((k - self.before) / (self.tied + 1), 0, 1)
        return float(np.average(share, weights=self.weights))

    @property
    def median(self) -> float:
        """The median of the right one's place, counted from 1."""
        return weighted_median(1 + self.before + self.tied / 2, self.weights)

    @property
    def reciprocal(self) -> float:
        """The mean of 1 / place."""
        return self._reciprocal(self.before, self.tied)

    @property
    def chance(self) -> float:
        """The same where everything is as near as anything else."""
        return self._reciprocal(np.zeros_like(self.wrong), self.wrong)

    def _reciprocal(self, before: np.ndarray, tied: np.ndarray) -> float:
        harmonic = np.concatenate([[0.0], np.cumsum(1 / np.arange(1, self.candidates + 1))])
        mean = (harmonic[before + tied + 1] - harmonic[before]) / (tied + 1)
        return float(np.average(mean, weights=self.weights))


def named(ways: Mapping[str, Ranks]) -> dict[str, float]:
    """The scores of both ways, and their means."""
    found: dict[str, dict[str, float]] = {}
    for way, ranks in ways.items():
        at = [k for k in AT if k < ranks.candidates]
        found[way] = {
            "mrr": ranks.reciprocal,
            "chance_mrr": ranks.chance,
            "median_rank": ranks.median,
            "candidates": float(ranks.candidates),
            **{f"recall@{k}": ranks.recall(k) for k in at},
        }
    one, other = found.values()
    return {
        **{name: (one[name] + other[name]) / 2 for name in one if name in other},
        **{f"{name}.{way}": value for way, of in found.items() for name, value in of.items()},
    }
