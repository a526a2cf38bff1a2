"""Answering: from fitted features and tasks to one Keras graph, and a saved model that answers.

Nothing here imports training code.
"""

from plait.inference._archive import FORMAT
from plait.inference._connect import check_names, connect
from plait.inference._declaration import Declaration
from plait.inference._layers import AbsentToken, Blank
from plait.inference._predictor import Answers, Predictor
from plait.inference._rows import InputBatch
from plait.inference._scoring import Scores, gains, mean_gain, score

__all__ = [
    "FORMAT",
    "AbsentToken",
    "Answers",
    "Blank",
    "Declaration",
    "InputBatch",
    "Predictor",
    "Scores",
    "check_names",
    "connect",
    "gains",
    "mean_gain",
    "score",
]
