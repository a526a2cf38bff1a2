"""Answering: from fitted features and tasks to one Keras graph, and a saved model that answers.

Nothing here imports training code.
"""

from plait.inference._answers import Answers
from plait.inference._archive import FORMAT, Archive, ArrayForm, write_archive
from plait.inference._check_names import check_layers, check_names
from plait.inference._connect import Precision, connect
from plait.inference._declaration import Declaration
from plait.inference._initial_values import make_variables
from plait.inference._layers import AbsentToken, Blank
from plait.inference._parts import FUSION, HEADS, OBJECTIVES, names_of, parts_of
from plait.inference._predictor import Predictor
from plait.inference._relations import leaving, sharing_tasks
from plait.inference._scoring import (
    Scores,
    alike,
    gains,
    mean_gain,
    mean_scores,
    row_weights,
    score,
)
from plait.inference._weights import weights_of

__all__ = [
    "FORMAT",
    "FUSION",
    "HEADS",
    "OBJECTIVES",
    "AbsentToken",
    "Answers",
    "Archive",
    "ArrayForm",
    "Blank",
    "Declaration",
    "Precision",
    "Predictor",
    "Scores",
    "alike",
    "check_layers",
    "check_names",
    "connect",
    "gains",
    "leaving",
    "make_variables",
    "mean_gain",
    "mean_scores",
    "names_of",
    "parts_of",
    "row_weights",
    "score",
    "sharing_tasks",
    "weights_of",
    "write_archive",
]
