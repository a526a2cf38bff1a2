"""The two sides of a task that matches features, each as a model of its own."""

from collections.abc import Mapping
from dataclasses import dataclass

import keras

from plait._names import did_you_mean
from plait.errors import ConfigError
from plait.heads import PairHead
from plait.inference._declaration import Declaration
from plait.inference._layers import AbsentToken
from plait.inference._parts import parts_of
from plait.tasks import Matching


@dataclass(frozen=True)
class Side:
    """One of the two features of a task.

    Attributes:
        task: its name.
        feature: the feature's name.
        other: the other feature's.
        place: 0 for the task's first feature, 1 for its second.
        width: of its vectors.
    """

    task: str
    feature: str
    other: str
    place: int
    width: int

    @property
    def column(self) -> str:
        """What its vectors are called in a table."""
        return f"{self.task}.{self.feature}"

    @property
    def across(self) -> "Side":
        """The other side."""
        return Side(self.task, self.other, self.feature, 1 - self.place, self.width)


def side_of(declaration: Declaration, feature: str, task: str | None = None) -> Side:
    """The side of a task that a feature is.

    Args:
        declaration: of the model.
        feature: its name.
        task: the task's name; the only one that is of the feature, if None.

    Raises:
        ConfigError: no such task, none that is of the feature, or several.
    """
    every = {n: t for n, t in declaration.tasks.items() if isinstance(t, Matching)}
    if not every:
        gone = ", ".join(map(repr, declaration.served_by))
        raise ConfigError(
            "The model has no task that matches two features, and so no vectors of them. Declare "
            f"Matching(a=..., b=...).{f' Auxiliary, and no part of it: {gone}.' if gone else ''}"
        )
    if task is not None and task not in every:
        raise ConfigError(f"No task '{task}' matches features.{did_you_mean(task, every)}")
    named = every if task is None else {task: every[task]}
    found = {n: t for n, t in named.items() if feature in t.of_features}
    if not found:
        raise ConfigError(
            f"'{feature}' is none of the features that are matched: {_told(named)}."
            f"{did_you_mean(feature, [f for t in named.values() for f in t.of_features])}"
        )
    if len(found) > 1:
        raise ConfigError(
            f"'{feature}' is matched by several tasks, each with vectors of its own: {_told(found)}. "
            f"Name one, such as task='{next(iter(found))}'."
        )
    ((name, matching),) = found.items()
    place = matching.of_features.index(feature)
    return Side(name, feature, matching.of_features[1 - place], place, matching.width)


def model_of(side: Side, model: keras.Model) -> keras.Model:
    """The part of a model that makes one side's vectors, of that feature's inputs alone.

    Args:
        side: of one of the model's tasks.
        model: from `connect`.

    Returns:
        A model of the same weights, which gives `{"vectors": (batch, width)}`.
    """
    parts = parts_of(model)
    (head,) = (layer for layer in parts[side.task] if isinstance(layer, PairHead))
    (absent,) = (layer for layer in parts[side.feature] if isinstance(layer, AbsentToken))
    # Keras gives what a layer's first call has made as a flat list.
    names = {"mask": 0, "present": 0, "tokens": 0}
    made = keras.tree.pack_sequence_as(names, absent.output)
    inputs = {
        name: tensor
        for name, tensor in model.input.items()
        if name == side.feature or name in _beside(side.feature)
    }
    vectors = head.vectors(side.place, made["tokens"], made["mask"])
    return keras.Model(inputs, {"vectors": vectors})


def _beside(feature: str) -> tuple[str, ...]:
    return f"{feature}__present", f"{feature}__length"


def _told(tasks: Mapping[str, Matching]) -> str:
    return ", ".join(f"'{t.a}' and '{t.b}' by the task '{n}'" for n, t in tasks.items())
