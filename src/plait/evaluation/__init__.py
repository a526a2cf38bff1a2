"""Evaluation: scores of a predictor on a table that has labels."""

from plait.evaluation._by_presence import by_presence
from plait.evaluation._evaluate import Evaluation, evaluate

__all__ = ["Evaluation", "by_presence", "evaluate"]
