"""The parts of a model, by names that a user knows."""

from typing import TypeVar

import keras

FUSION, TRUNK, HEADS, OBJECTIVES = "fusion", "trunk", "heads", "objectives"

Layer = TypeVar("Layer", bound=keras.layers.Layer)


def part_of(layer: Layer, *names: str) -> Layer:
    """The layer, which from now on belongs to parts of these names, its own before those of many."""
    layer.plait_parts = names
    return layer


def names_of(layer: keras.layers.Layer) -> tuple[str, ...]:
    """The parts that a layer belongs to, its own first."""
    names: tuple[str, ...] = getattr(layer, "plait_parts", ())
    return names


def parts_of(model: keras.Model) -> dict[str, list[keras.layers.Layer]]:
    """The layers of each part of a model that `connect` made.

    A feature's name is that of its encoder and its absent token, a task's that of its head and what
    else it has for itself; `heads` are those of all tasks, `trunk` what they share after `fusion`,
    `objectives` what objectives have for themselves, each by its own name, too.
    """
    parts: dict[str, list[keras.layers.Layer]] = {}
    for layer in model.layers:
        for name in names_of(layer):
            parts.setdefault(name, []).append(layer)
    return parts
