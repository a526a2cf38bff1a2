"""Parts of a cell that are hidden: some tokens, patches or columns."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from keras import ops

from plait._token_ids import UNKNOWN
from plait.errors import ConfigError
from plait.features import Columns, Image, Text
from plait.heads import LinearHead, TagHead
from plait.objectives._graph import FeatureTokens, Graph
from plait.objectives._hiding import (
    HidingColumns,
    HidingPatches,
    HidingTokens,
    Picked,
    at_places,
    sides_of,
)
from plait.objectives._told import (
    Told,
    category_losses,
    number_losses,
    prior_of,
    shares_of,
    trivial_category,
    trivial_number,
)
from plait.table import Column

# An even pick of the rows says how common tokens are.
_MOST_ROWS_READ = 10_000
_KEEPS = "Give it an encoder that keeps them apart, such as TextWords, TextRNN or TextTransformer."


class ToldTokens(Told):
    """Which tokens the hidden ones were, each told from its own place and the row."""

    share = 0.15

    @staticmethod
    def learn(feature: Text, column: Column) -> dict[str, Any]:
        if feature.learnt["reads"] == "ngrams":
            raise ConfigError(
                "Reconstruct: this Text is read as n-grams, and what is hidden of one stands in "
                "others. " + _KEEPS,
                ("feature",),
            )
        rows = np.linspace(0, len(column) - 1, min(len(column), _MOST_ROWS_READ)).astype("int64")
        cells = feature.encode(column.take(rows))
        values = cells.values if cells.values.ndim == 2 else cells.values[..., 0]
        known = values[cells.present]
        size = feature.for_encoder["vocabulary"] - UNKNOWN - 1
        counts = np.bincount(known[known > UNKNOWN] - UNKNOWN - 1, minlength=size)
        return shares_of(counts)

    @staticmethod
    def read(graph: Graph, name: str, share: float, state: Mapping[str, Any]) -> dict[str, Any]:
        seen = graph.feature(name)
        hid = graph.own(HidingTokens, "hiding", share=share)(seen.values, seen.lengths)
        again = graph.read_again(name, hid["values"])
        if again.tokens.shape[1] != seen.values.shape[1]:
            raise ConfigError(
                f"Reconstruct: the encoder of '{name}' gives {again.tokens.shape[1]} tokens for "
                f"{seen.values.shape[1]} pieces. {_KEEPS}",
                ("features", name),
            )
        size, prior = len(state["shares"]), prior_of(state["shares"])
        return _parts(graph, name, seen, again, again.tokens, hid, size, prior)

    @staticmethod
    def losses(seen: Mapping[str, Any], state: Mapping[str, Any]) -> tuple[Any, Any]:
        values = ops.cast(seen["values"], "int32")
        ids = at_places(values if len(values.shape) == 2 else values[..., 0], seen["places"])
        asked = ops.logical_and(seen["asked"], ids > UNKNOWN)
        losses = category_losses(seen["said"], ids - UNKNOWN) / state["trivial"]
        return _mean_of_parts(losses, asked, seen["present"])


class ToldPatches(Told):
    """The standardised pixels of the hidden patches, by their absolute error.

    The patches are the places of the encoder's coarsest map.
    """

    share = 0.6

    @staticmethod
    def learn(feature: Image, column: Column) -> dict[str, Any]:
        return {"mean": list(feature.learnt["mean"]), "std": list(feature.learnt["std"])}

    @staticmethod
    def read(graph: Graph, name: str, share: float, state: Mapping[str, Any]) -> dict[str, Any]:
        seen = graph.feature(name)
        if not seen.maps:
            raise ConfigError(
                f"Reconstruct: the encoder of '{name}' gives no feature maps. Give that feature an "
                "encoder that does, such as ImageConv.",
                ("features", name),
            )
        grid = tuple(seen.maps[0].shape[1:3])
        ground = [255 * mean for mean in state["mean"]]
        hid = graph.own(HidingPatches, "hiding", share=share, patches=grid, ground=ground)(
            seen.values
        )
        again = graph.read_again(name, hid["values"])
        high, wide = sides_of(seen.values.shape[1:3], grid)
        size = high * wide * seen.values.shape[3]
        found = _parts(graph, name, seen, again, again.maps[0], hid, size, None)
        # Which places there are in the grid, for the losses.
        return {**found, "grid": again.maps[0][..., 0]}

    @staticmethod
    def losses(seen: Mapping[str, Any], state: Mapping[str, Any]) -> tuple[Any, Any]:
        pixels = ops.cast(seen["values"], "float32") / 255
        pixels = (pixels - _tensor(state["mean"])) / _tensor(state["std"])
        grid = tuple(seen["grid"].shape[1:])
        truth = at_places(_patches(pixels, grid), seen["places"])
        inside = at_places(_patches(ops.ones_like(pixels), grid), seen["places"])
        error = ops.sum(ops.absolute(seen["said"] - truth) * inside, axis=-1)
        # A patch over the edge has fewer pixels.
        error = error / ops.maximum(ops.sum(inside, axis=-1), 1)
        return _mean_of_parts(error, seen["asked"], seen["present"])


class ToldColumns(Told):
    """The hidden columns, each as a number or a category by itself."""

    share = 0.3

    @staticmethod
    def learn(feature: Columns, column: Column) -> dict[str, Any]:
        parts = feature.apart(column)
        found = []
        for own, one in feature.fitted.items():
            cells = one.encode(parts[own])
            values = cells.values[cells.present]
            if one.spec.shape:
                channels = values.reshape(len(values), math.prod(one.spec.shape)).T
                found.append({"trivial": [trivial_number(channel) for channel in channels]})
            else:
                found.append(trivial_category(one, values))
        return {"columns": found}

    @staticmethod
    def read(graph: Graph, name: str, share: float, state: Mapping[str, Any]) -> dict[str, Any]:
        seen = graph.feature(name)
        columns = state["columns"]
        channels = [1 if "shares" in one else len(one["trivial"]) for one in columns]
        hid = graph.own(HidingColumns, "hiding", share=share, channels=channels)(seen.values)
        again = graph.read_again(name, hid["values"])
        prior = [p for one in columns for p in prior_of(one.get("shares", [1.0] * _answers(one)))]
        head = graph.own(LinearHead, "head", size=len(prior), prior=prior)
        said = head(*graph.represented(instead={name: again}))
        return {"said": said, "values": seen.values, "present": seen.present, **_asked(hid)}

    @staticmethod
    def losses(seen: Mapping[str, Any], state: Mapping[str, Any]) -> tuple[Any, Any]:
        values, said, start = ops.cast(seen["values"], "float32"), seen["said"], 0
        columns: list[Any] = []
        counts: list[Any] = []
        for one in state["columns"]:
            answer, said = said[:, : _answers(one)], said[:, _answers(one) :]
            if "shares" in one:
                ids = ops.cast(values[:, start], "int32")
                columns.append(category_losses(answer, ids) / one["trivial"])
                counts.append(ids > 0)
                start += 1
            else:
                size = len(one["trivial"])
                errors = number_losses(answer, values[:, start : start + size])
                columns.append(ops.mean(errors / _tensor(one["trivial"]), axis=1))
                counts.append(ops.ones_like(seen["present"]))
                start += size
        losses = at_places(ops.stack(columns, axis=1), seen["places"])
        known = at_places(ops.stack(counts, axis=1), seen["places"])
        return _mean_of_parts(losses, ops.logical_and(seen["asked"], known), seen["present"])


def _parts(
    graph: Graph,
    name: str,
    seen: FeatureTokens,
    again: FeatureTokens,
    places: Any,
    hid: Mapping[str, Any],
    size: int,
    prior: list[float] | None,
) -> dict[str, Any]:
    """A head's answer at each hidden place, from what the encoder gives there and from the row."""
    picked = graph.own(Picked, "picked")(places, hid["places"])
    head = graph.own(TagHead, "head", size=size, places=picked.shape[1], prior=prior)
    of = {"tokens": picked, "mask": hid["asked"]}
    said = head(*graph.represented(instead={name: again}), of=of)
    return {"said": said, "values": seen.values, "present": seen.present, **_asked(hid)}


def _asked(hid: Mapping[str, Any]) -> dict[str, Any]:
    return {"places": hid["places"], "asked": hid["asked"]}


def _mean_of_parts(losses: Any, asked: Any, present: Any) -> tuple[Any, Any]:
    """The mean loss of each row's parts that are asked, and which rows have one."""
    count = ops.sum(ops.cast(asked, "float32"), axis=1)
    total = ops.sum(ops.where(asked, losses, 0.0), axis=1)
    return total / ops.maximum(count, 1.0), ops.logical_and(present, count > 0)


def _patches(x: Any, grid: tuple[int, int]) -> Any:
    """A picture `(batch, height, width, channels)` as `(batch, patches, pixels)`, zeros around it."""
    _, height, width, channels = x.shape
    high, wide = sides_of((height, width), grid)
    below, right = grid[0] * high - height, grid[1] * wide - width
    x = ops.pad(x, ((0, 0), (0, below), (0, right), (0, 0)))
    x = ops.reshape(x, (-1, grid[0], high, grid[1], wide, channels))
    x = ops.transpose(x, (0, 1, 3, 2, 4, 5))
    return ops.reshape(x, (-1, grid[0] * grid[1], high * wide * channels))


def _answers(one: Mapping[str, Any]) -> int:
    """How many logits a column of `ToldColumns` has."""
    return len(one["shares"] if "shares" in one else one["trivial"])


def _tensor(numbers: Sequence[float]) -> Any:
    return ops.convert_to_tensor(np.array(numbers, "float32"))
