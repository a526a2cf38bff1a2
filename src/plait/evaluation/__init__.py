"""Evaluation: scores of a predictor on a table that has labels."""

from plait.evaluation._by_presence import by_presence
from plait.evaluation._draw import draw
from plait.evaluation._evaluate import evaluate, trivial_scores

__all__ = ["by_presence", "draw", "evaluate", "trivial_scores"]
