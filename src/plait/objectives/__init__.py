"""A signal between tasks or features: what a model learns beside its answers, and leaves behind."""

from plait.objectives._align import Align
from plait.objectives._consistency import Consistency
from plait.objectives._distill import Distill
from plait.objectives._graph import FeatureTokens, Graph
from plait.objectives._objective import Objective, fit_objectives
from plait.objectives._reconstruct import Reconstruct
from plait.objectives._row_objective import RowObjective

__all__ = [
    "Align",
    "Consistency",
    "Distill",
    "FeatureTokens",
    "Graph",
    "Objective",
    "Reconstruct",
    "RowObjective",
    "fit_objectives",
]
