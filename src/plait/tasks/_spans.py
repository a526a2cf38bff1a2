"""Spans of tags, and how well answered ones match the true ones."""

import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from plait.tasks import _metrics as metrics

OUTSIDE = "O"
_TAG = re.compile(r"([BI])-(.+)")


def are_spans(tags: Sequence[Any]) -> bool:
    """Whether the tags say where spans begin and go on: `B-x`, `I-x` and `O`, and nothing else."""
    if not all(isinstance(tag, str) for tag in tags):
        return False
    return any(_TAG.fullmatch(tag) for tag in tags) and all(
        tag == OUTSIDE or _TAG.fullmatch(tag) for tag in tags
    )


def no_spans(tags: Sequence[Any]) -> list[Any]:
    """The tags for which the others are no spans; none where all are, or where none begins one."""
    if not any(
        isinstance(tag, str) and tag.startswith("B-") and _TAG.fullmatch(tag) for tag in tags
    ):
        return []
    return [t for t in tags if not (isinstance(t, str) and (t == OUTSIDE or _TAG.fullmatch(t)))]


class Spans:
    """Finds spans in sequences of tags, by the rule of CoNLL's `conlleval`.

    A span begins at `B-x`, and at `I-x` where the tag before is `O`, of another kind or in another row;
    it goes on through each `I-x` behind.

    Args:
        tags: of which `are_spans`.
    """

    def __init__(self, tags: Sequence[str]) -> None:
        found = [_TAG.fullmatch(tag) for tag in tags]
        kinds = sorted({match[2] for match in found if match})
        self._kind = np.array([kinds.index(match[2]) if match else -1 for match in found])
        self._begins = np.array([match is not None and match[1] == "B" for match in found])

    def of(self, tags: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """The spans, `(spans, 4)`: row, first place, place behind the last, kind.

        Args:
            tags: `(places,)`, each place's tag as a number, of all rows end to end; -1 is outside.
            rows: `(places,)`, the row of each.
        """
        if not len(tags):
            return np.zeros((0, 4), "int64")
        kind = np.where(tags >= 0, self._kind[tags], -1)
        begins = (tags >= 0) & self._begins[tags]
        changes = np.ones(len(tags), bool)
        changes[1:] = (kind[1:] != kind[:-1]) | (rows[1:] != rows[:-1])
        edges = np.flatnonzero(begins | changes)
        spans = np.stack([rows[edges], edges, np.append(edges[1:], len(tags)), kind[edges]], axis=1)
        return spans[kind[edges] >= 0]


def span_scores(truth: np.ndarray, answers: np.ndarray, weights: np.ndarray) -> dict[str, float]:
    """Precision, recall and F1 of whole spans: right are those of the same place and kind.

    Args:
        truth: see `Spans.of`.
        answers: see `Spans.of`.
        weights: `(rows,)`, each row's weight.

    Returns:
        `span_f1`, `span_precision` and `span_recall`; nothing where there is no span at all.
    """
    if not len(truth) and not len(answers):
        return {}
    every, which = np.unique(np.concatenate([truth, answers]), axis=0, return_inverse=True)
    which = which.reshape(-1)
    there, answered = (np.zeros(len(every), bool) for _ in range(2))
    there[which[: len(truth)]] = True
    answered[which[len(truth) :]] = True
    precision, recall, f1, _ = metrics.precision_recall_fscore_support(
        there,
        answered,
        average="binary",
        sample_weight=weights[every[:, 0]],
        zero_division=0,
    )
    return {"span_f1": float(f1), "span_precision": float(precision), "span_recall": float(recall)}
