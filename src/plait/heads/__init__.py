"""From a task's tokens to its logits."""

from plait.heads._boxes_head import BoxesHead
from plait.heads._count_head import CountHead
from plait.heads._density_head import DensityHead
from plait.heads._forecast_head import ForecastHead
from plait.heads._head import Head
from plait.heads._linear_head import LinearHead
from plait.heads._ordered_head import OrderedHead
from plait.heads._pair_head import PairHead
from plait.heads._pairs import Pairs
from plait.heads._sightings import Sightings
from plait.heads._strongest_boxes import StrongestBoxes
from plait.heads._tag_head import TagHead
from plait.heads._unet_head import UNetHead
from plait.heads._unit_vectors import unit_vectors

__all__ = [
    "BoxesHead",
    "CountHead",
    "DensityHead",
    "ForecastHead",
    "Head",
    "LinearHead",
    "OrderedHead",
    "PairHead",
    "Pairs",
    "Sightings",
    "StrongestBoxes",
    "TagHead",
    "UNetHead",
    "unit_vectors",
]
