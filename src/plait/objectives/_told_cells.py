"""A number or a category, hidden whole."""

from collections.abc import Mapping
from typing import Any

from keras import ops

from plait.features import Category, Number
from plait.heads import LinearHead
from plait.objectives._graph import Graph
from plait.objectives._told import (
    Told,
    category_losses,
    number_losses,
    prior_of,
    trivial_category,
    trivial_number,
)
from plait.table import Column


class ToldNumber(Told):
    """A standardised number: its squared error within one deviation, its absolute one beyond."""

    @staticmethod
    def learn(feature: Number, column: Column) -> dict[str, Any]:
        cells = feature.encode(column)
        return {"trivial": trivial_number(cells.values[cells.present, 0])}

    @staticmethod
    def read(graph: Graph, name: str, share: float, state: Mapping[str, Any]) -> dict[str, Any]:
        return _whole(graph, name, 1, None)

    @staticmethod
    def losses(seen: Mapping[str, Any], state: Mapping[str, Any]) -> tuple[Any, Any]:
        values = ops.cast(seen["values"], "float32")
        return number_losses(seen["said"], values)[:, 0] / state["trivial"], seen["present"]


class ToldCategory(Told):
    """A category, by cross-entropy; one that training has not seen is no answer."""

    @staticmethod
    def learn(feature: Category, column: Column) -> dict[str, Any]:
        cells = feature.encode(column)
        return trivial_category(feature, cells.values[cells.present])

    @staticmethod
    def read(graph: Graph, name: str, share: float, state: Mapping[str, Any]) -> dict[str, Any]:
        return _whole(graph, name, len(state["shares"]), prior_of(state["shares"]))

    @staticmethod
    def losses(seen: Mapping[str, Any], state: Mapping[str, Any]) -> tuple[Any, Any]:
        ids = ops.cast(seen["values"], "int32")
        losses = category_losses(seen["said"], ids) / state["trivial"]
        return losses, ops.logical_and(seen["present"], ids > 0)


def _whole(graph: Graph, name: str, size: int, prior: list[float] | None) -> dict[str, Any]:
    """A linear head's answer from a row without the feature."""
    seen = graph.feature(name)
    head = graph.own(LinearHead, "head", size=size, prior=prior)
    said = head(*graph.represented(without=(name,)))
    return {"said": said, "values": seen.values, "present": seen.present}
