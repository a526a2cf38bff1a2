"""How well the one side of rows finds the other."""

from collections.abc import Callable, Mapping
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
        right: `(asked,)`, how many right ones are, itself among them.
        wrong: `(asked,)`, how many wrong ones there are.
        weights: `(asked,)`, the rows that ask so, by their weights.
        candidates: how many there are to find.
    """

    before: np.ndarray
    tied: np.ndarray
    right: np.ndarray
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
        before, tied, equal = np.zeros((3, len(first)), "int64")
        for rows, near in cosine_blocks(asking[first], found[others]):
            some = pairs[starts[rows.start] : starts[rows.stop]]
            within = some[:, 0] - rows.start
            right = near[within, some[:, 1]]
            begins = starts[rows.start : rows.stop] - starts[rows.start]
            best = np.maximum.reduceat(right, begins)
            as_near = np.add.reduceat((right >= best[within] - _ALIKE).astype("int64"), begins)
            before[rows] = (near > best[:, None] + _ALIKE).sum(axis=1)
            tied[rows] = (near >= best[:, None] - _ALIKE).sum(axis=1) - before[rows] - as_near
            equal[rows] = as_near
        wrong = len(others) - np.diff(starts)
        # Where nothing is wrong nothing is asked.
        weights = np.bincount(ask.reshape(-1), weights) * (wrong > 0)
        return cls(before, tied, equal, wrong, weights, len(others))

    @property
    def asked(self) -> bool:
        """Whether anything is asked that can be answered wrongly."""
        return bool(self.weights.any())

    def recall(self, k: int) -> float:
        """How often a right one is among the first k."""

        def found(before: int, tied: int, right: int) -> float:
            places = max(k - before, 0)
            return 1.0 if places > tied else 1 - _later(tied, right)[places]

        return self._mean(found, self.before, self.tied, self.right)

    @property
    def median(self) -> float:
        """The median of the first right one's place, counted from 1."""
        places = self.before + (self.right + self.tied + 1) / (self.right + 1)
        return weighted_median(places, self.weights)

    @property
    def reciprocal(self) -> float:
        """The mean of 1 / place."""
        return self._mean(_reciprocal, self.before, self.tied, self.right)

    @property
    def chance(self) -> float:
        """The same where everything is as near as anything else."""
        none, right = np.zeros_like(self.wrong), self.candidates - self.wrong
        return self._mean(_reciprocal, none, self.wrong, right)

    def _mean(self, score: Callable[[int, int, int], float], *of: np.ndarray) -> float:
        """The mean over what is asked; few of the numbers that it depends on differ."""
        cases, which = np.unique(np.stack(of, axis=1), axis=0, return_inverse=True)
        values = np.array([score(*case) for case in cases.tolist()])
        return float(np.average(values[which.reshape(-1)], weights=self.weights))


def _later(tied: int, right: int) -> np.ndarray:
    """The probability that the first of some right ones stands later than at j, for j from 0 to `tied`.

    They and `tied` wrong ones are in any order, each as likely.
    """
    drawn = np.arange(tied)
    shares = (tied - drawn) / (right + tied - drawn)
    return np.concatenate([[1.0], np.cumprod(shares)])


def _reciprocal(before: int, tied: int, right: int) -> float:
    """The mean of 1 / place of the first right one, over these orders."""
    later = np.append(_later(tied, right), 0.0)
    return float(((later[:-1] - later[1:]) / (before + 1 + np.arange(tied + 1))).sum())


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
        **{n: (one[n] + other[n]) / 2 for n in one if n in other and n != "candidates"},
        **{f"{name}.{way}": value for way, of in found.items() for name, value in of.items()},
    }
