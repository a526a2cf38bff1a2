"""From a table to the batches that a model reads."""

from plait.data._batches import Batches
from plait.data._device_room import DeviceRoom
from plait.data._feature_rows import FeatureRows, Findings
from plait.data._order import epoch_order, row_keys
from plait.data._reading import reading

__all__ = [
    "Batches",
    "DeviceRoom",
    "FeatureRows",
    "Findings",
    "epoch_order",
    "reading",
    "row_keys",
]
