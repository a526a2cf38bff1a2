"""How the tasks are weighed against each other: one small class a method."""

from plait.balancing._balancer import (
    Balancer,
    Evidence,
    GramianWeighting,
    LossWeighting,
    StepContext,
)
from plait.balancing.weighting._equal import Equal
from plait.balancing.weighting._famo import FAMO
from plait.balancing.weighting._modo import MoDo
from plait.balancing.weighting._pcgrad import PCGrad
from plait.balancing.weighting._uncertainty import Uncertainty

__all__ = [
    "FAMO",
    "Balancer",
    "Equal",
    "Evidence",
    "GramianWeighting",
    "LossWeighting",
    "MoDo",
    "PCGrad",
    "StepContext",
    "Uncertainty",
]
