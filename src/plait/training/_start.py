"""A model that begins with what another one has learnt."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np

from plait._names import to_plain
from plait.errors import ConfigError, DataError
from plait.features import Feature, fit_features
from plait.inference import FUSION, HEADS, OBJECTIVES, Declaration, Predictor, names_of, weights_of
from plait.table import Column, Table
from plait.tasks import Task

START = "start"
"""The part of a model that it has from where it began."""

# What may be declared otherwise, and what was learnt of the column is still right.
_OF_A_FEATURE: dict[str, Any] = {
    "column": None,
    "missing": (),
    "on_error": "raise",
    "encoder": None,
    "flip": None,
    "shift": 0.0,
    "zoom": 0.0,
    "jitter": 0.0,
}
_OF_A_TASK: dict[str, Any] = {
    "column": None,
    "missing": (),
    "weight": 1.0,
    "auxiliary": False,
    "fade": None,
}


class Start:
    """A saved model to begin from.

    A feature or task that is declared as it was there keeps what was learnt of its column (its scale,
    vocabulary, classes), and so what its weights mean; a task with labels of new classes learns its
    classes anew. Then each weight is taken over whose name and shape are the same, and the columns of
    the classes that there were.

    Args:
        path: a run, or a saved model.
        parts: features, tasks, encoders and so on, whose classes the model may be made of.

    Raises:
        ModelFileError: there is none, or it cannot be read.
    """

    def __init__(self, path: str, parts: Iterable[Any] = ()) -> None:
        self.path = path
        classes = {type(part).__name__: type(part) for part in parts}
        self._predictor = Predictor.load(Path(path), classes)

    def features(self, features: Mapping[str, Feature], table: Table) -> dict[str, Feature]:
        """Every feature fitted: as it was, or to the training rows."""
        kept = {}
        for name, feature in features.items():
            feature.cells(name, table)
            together = {n: f for n, f in features.items() if n == name or _tied(f, feature)}
            if all(_alike(f, self._features.get(n), _OF_A_FEATURE) for n, f in together.items()):
                kept[name] = feature.with_state(self._features[name].learnt)
        others = {name: f for name, f in features.items() if name not in kept}
        fitted = {**kept, **fit_features(others, table)}
        return {name: fitted[name] for name in features}

    def tasks(
        self,
        tasks: Mapping[str, Task],
        features: Mapping[str, Feature],
        table: Table,
        weights: np.ndarray | None,
    ) -> dict[str, Task]:
        """Every task fitted, likewise; `features` are."""
        fitted = {}
        for name, task in tasks.items():
            asked, old = task.beside(features, table), self._tasks.get(name)
            column = asked.column_in(name, table)
            if old is not None and _alike(task, old, _OF_A_TASK):
                fitted[name] = task.with_state(old.learnt)
                if _reads(fitted[name].beside(features, table), column):
                    continue
            fitted[name] = asked.fit(column, weights)
        return fitted

    def told(self, declaration: Declaration) -> list[str]:
        """Lines about what is as it was."""
        lines = []
        for kind, named, was, apart_from in (
            ("features", declaration.features, self._features, _OF_A_FEATURE),
            ("tasks", declaration.tasks, self._tasks, _OF_A_TASK),
        ):
            old = [n for n, part in named.items() if _as_it_was(part, was.get(n), apart_from)]
            new = [name for name in named if name not in old]
            gone = [name for name in was if name not in named]
            lines.append(f"from {self.path}: {kind} {', '.join(old) or 'none'}")
            for how, names in (("learnt anew", new), ("left behind", gone)):
                if names:
                    lines[-1] += f"; {how}: {', '.join(names)}"
        return lines

    def give(
        self, model: keras.Model, declaration: Declaration, *, whole: bool = False
    ) -> list[keras.layers.Layer]:
        """Gives a model the weights that are there for it.

        Args:
            model: of `declaration`.
            declaration: whose features and tasks are this one's.
            whole: whether all but the heads has to be as it was.

        Returns:
            The layers that are now as they were.

        Raises:
            ConfigError: `whole`, and a layer is another.
        """
        old_model = self._predictor.model
        held, was = weights_of(old_model), {layer.name: layer for layer in old_model.layers}
        layers = {layer.name: layer for layer in model.layers}
        new = set()
        for name, variable in weights_of(model).items():
            layer = layers[name.partition("/")[0]]
            old = held.get(name)
            if old is None or not self._give(variable, old, layer, declaration):
                new.add(layer.name)
        if whole:
            for layer in model.layers:
                names = names_of(layer)
                # With the same weights, too, another setting or precision gives other answers.
                other = layer.name in new or (names and not _set_alike(layer, was.get(layer.name)))
                if other and not {HEADS, OBJECTIVES} & set(names):
                    raise ConfigError(
                        f"Training: freeze names '{START}', so that old tasks answer as before, "
                        f"but '{layer.name}' is not what it was in {self.path}. Keep features, "
                        f"fusion, sharing and precision as they were, or leave '{START}' out.",
                        ("training", "freeze"),
                    )
        return [layer for layer in model.layers if layer.weights and layer.name not in new]

    def _give(
        self,
        variable: keras.Variable,
        old: keras.Variable,
        layer: keras.layers.Layer,
        declaration: Declaration,
    ) -> bool:
        """Whether the variable is now wholly as the old one."""
        names, alike = names_of(layer), True
        if HEADS in names:
            task, was = declaration.tasks[names[0]], self._tasks.get(names[0])
            if was is None or not _same(task, was):
                _give_classes(variable, old, task, was)
                return False
            alike = _alike(task, was, _OF_A_TASK)
        if tuple(variable.shape) != tuple(old.shape):
            return False
        if FUSION in names and not _goes_before(self._features, declaration.features):
            return False
        same = all(
            _same(feature, self._features.get(name))
            for name, feature in declaration.features.items()
            if name in names
        )
        # Whose rows are numbers that the feature has given anew.
        if not same and getattr(layer, "fitted", None) is not None:
            return False
        variable.assign(old.value)
        return same and alike

    @property
    def _features(self) -> Mapping[str, Feature]:
        return self._predictor.declaration.features

    @property
    def _tasks(self) -> Mapping[str, Task]:
        return self._predictor.declaration.tasks


def _alike(one: Any, other: Any, apart_from: Mapping[str, Any]) -> bool:
    """Whether both are declared alike."""
    if type(one) is not type(other):
        return False
    same = {name: value for name, value in apart_from.items() if hasattr(one, name)}
    plain = (to_plain(replace(declared, **same)) for declared in (one, other))
    return next(plain) == next(plain)


def _same(one: Any, other: Any) -> bool:
    """Whether both have learnt the same of their columns."""
    return type(one) is type(other) and to_plain(one.learnt) == to_plain(other.learnt)


def _as_it_was(one: Any, other: Any, apart_from: Mapping[str, Any]) -> bool:
    return _alike(one, other, apart_from) and _same(one, other)


def _set_alike(layer: keras.layers.Layer, old: keras.layers.Layer | None) -> bool:
    if old is None or type(layer) is not type(old):
        return False
    return bool(layer.get_config() == old.get_config())


def _goes_before(some: Iterable[str], names: Iterable[str]) -> bool:
    """Whether all that is not of `some` comes after them: a fusion has weights by a feature's place."""
    old, new = list(some), list(names)
    return new[: len(old)] == old and sorted(new)[: len(old)] == sorted(old)


def _tied(one: Feature, other: Feature) -> bool:
    return one.tied is not None and one.tied == other.tied


def _reads(task: Task, column: Column) -> bool:
    """Whether a fitted task knows every label of a column that has some."""
    try:
        targets = task.targets(column)
    except DataError:
        return False
    return bool(targets.labelled.any()) and not targets.unseen


def _give_classes(
    variable: keras.Variable, old: keras.Variable, task: Task, was: Task | None
) -> None:
    """Takes over the columns of the classes that there were, of what has one for each class."""
    if was is None or type(task) is not type(was):
        return
    now, then = (list(t.learnt.get("classes", ())) for t in (task, was))
    (*rows, columns), (*old_rows, old_columns) = variable.shape, old.shape
    if rows != old_rows or (columns, old_columns) != (len(now), len(then)):
        return
    values = np.array(keras.ops.convert_to_numpy(variable))
    known = keras.ops.convert_to_numpy(old)
    for place, label in enumerate(now):
        if label in then:
            values[..., place] = known[..., then.index(label)]
    variable.assign(values)
