"""All that a model is apart from its weights, as plain data and back."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Self, get_args

import keras
import numpy as np

import plait.features
import plait.fusion
import plait.sharing
import plait.table
import plait.tasks
from plait._cache import cache_folder
from plait._disk_cache import DiskCache
from plait._names import did_you_mean, from_plain, to_plain
from plait._ranges import demand_texts
from plait.backend import keep_compiled
from plait.data import DeviceRoom, FeatureRows
from plait.errors import ConfigError, ModelFileError
from plait.features import Feature
from plait.fusion import Fusion
from plait.inference._archive import Archive, ArrayForm
from plait.inference._check_names import check_names
from plait.inference._connect import Precision, Tensors, connect, graph
from plait.inference._fresh_state import in_fresh_state
from plait.inference._initial_values import begin_with, make_variables
from plait.inference._relations import check_after, leaving, sharing_tasks
from plait.inference._rows import check_columns
from plait.inference._weights import forms_of, weights_of
from plait.objectives import Objective
from plait.sharing import Sharing
from plait.table import Table, Windows
from plait.tasks import Task

# One row of a feature: no picture, sound or text that fits a batch in memory is larger.
_ROW_LIMIT = 2**28


@dataclass(frozen=True)
class Declaration:
    """Fitted features and tasks, and how they are joined.

    Attributes:
        features: fitted features by name, each with its encoder named.
        tasks: fitted tasks by name.
        fusion: joins the features' tokens.
        sharing: what the tasks share.
        width: the size of the tokens where an encoder leaves it open.
        key: the column that names a row, or None.
        weight: the column of each row's weight in the scores, or None.
        precision: what the layers compute in; as Keras' own settings have it if None.
        served_by: the auxiliary tasks and objectives that were trained beside these, and are no part
            of it.
        objectives: fitted objectives by name, while it trains.
        windows: how a long table becomes rows, or None.
    """

    features: Mapping[str, Feature]
    tasks: Mapping[str, Task]
    fusion: Fusion
    sharing: Sharing
    width: int = 128
    key: str | None = None
    weight: str | None = None
    precision: Precision | None = None
    served_by: tuple[str, ...] = ()
    objectives: Mapping[str, Objective] = field(default_factory=dict)
    windows: Windows | None = None

    def settled(self) -> Self:
        """The same with every encoder named, so that a later default changes no saved model, and every
        task, so that the sharing stays the same when some of them have gone.
        """
        features = {
            name: replace(feature, encoder=feature.encoder or feature.default_encoder(self.width))
            for name, feature in self.features.items()
        }
        sharing = self.sharing.for_tasks(sharing_tasks(self.tasks))
        return replace(self, features=features, sharing=sharing)

    def tasks_in(self, table: Table) -> dict[str, Task]:
        """The tasks as they are asked about a table's rows; see `Task.beside`."""
        return {name: task.beside(self.features, table) for name, task in self.tasks.items()}

    @property
    def read(self) -> dict[str, Feature]:
        """The features that some task reads; of any other its absent token is all that counts."""
        fused = [task for task in self.tasks.values() if task.fused]
        named = {name for task in fused for name in task.features or self.features}
        named |= {name for task in self.tasks.values() for name in task.of_features}
        if self.objectives:
            return dict(self.features)
        return {name: feature for name, feature in self.features.items() if name in named}

    def served(self) -> Self:
        """What is left when training is over: auxiliary tasks and objectives have served, and go."""
        gone = (*leaving(self.tasks), *self.objectives)
        kept = {name: task for name, task in self.tasks.items() if name not in gone}
        served_by = (*self.served_by, *gone)
        # The sharing stays whole, so that another training can begin from all of it.
        return replace(self, tasks=kept, served_by=served_by, objectives={})

    def of_tasks(self, tasks: Sequence[str]) -> Self:
        """What is left with some of the tasks; see `Predictor.of_tasks`."""
        demand_texts("tasks", tasks=tasks)
        for name in tasks:
            if name not in self.tasks:
                raise ConfigError(
                    f"There is no task '{name}' in this model.{did_you_mean(name, self.tasks)}"
                )
        if not tasks:
            raise ConfigError(f"Which tasks? There is: {', '.join(self.tasks)}.")
        kept = {name: task for name, task in self.tasks.items() if name in tasks}
        check_after(kept)
        return replace(self, tasks=kept, sharing=self.sharing.slimmed(sharing_tasks(kept)))

    def table(self, source: Any, root: Any = None, ahead: bool = False) -> Table:
        """A table as the model is asked about it: all of its windows, whatever part they are in.

        Args:
            source: whatever `Table.read` takes.
            root: the folder that media paths are relative to; the files' own if None.
            ahead: see `Windows.of`.
        """
        table = Table.read(source, root)
        if self.windows is None:
            return table
        return self.windows.fitting(table).of(table, ahead, parted=False)

    def connect(self, seed: int = 0) -> tuple[Tensors, Tensors]:
        """The inputs and outputs of a model of this declaration; see `connect`.

        What is compiled for it is kept, for the next process that has the same.
        """
        self._keep_compiled()
        return connect(*self._graph, seed=seed, objectives=self.objectives)

    def _keep_compiled(self) -> None:
        keep_compiled(lambda: cache_folder("compiled"))

    @property
    def _graph(self) -> tuple[Any, ...]:
        """What the graph depends on, in the order of `graph`."""
        joined = (self.fusion, self.sharing, self.width, self.precision)
        return (self.features, self.tasks, *joined)

    @property
    def least_weights(self) -> int:
        """How many weights a model of this declaration has at least, counted without a graph."""
        encoders = {f.tied or name: f.encoder for name, f in self.read.items()}
        inner = sum(encoder.least_weights for encoder in encoders.values() if encoder is not None)
        # Beside them each feature has an absent token, and each task a head.
        inner += len(self.tasks)
        if not any(task.fused for task in self.tasks.values()):
            return inner + len(self.read)
        return inner + self.sharing.least_weights + len(self.features)

    def forms(self) -> dict[str, ArrayForm]:
        """The weights that a model of this declaration has, found without making them."""
        check_names(self.features, self.tasks, self.key)

        def dry() -> dict[str, ArrayForm]:
            with keras.StatelessScope(initialize_variables=False):
                return forms_of(keras.Model(*graph(*self._graph)))

        return in_fresh_state(dry, seed=0)

    def model_from(self, archive: Archive) -> keras.Model:
        """The model with the weights of an archive, none of which is made before its value is there.

        Raises:
            ModelFileError: the weights are not those of this declaration.
        """
        check_names(self.features, self.tasks, self.key)
        self._keep_compiled()

        def build() -> keras.Model:
            with keras.StatelessScope(initialize_variables=False):
                model = keras.Model(*graph(*self._graph))
                forms = forms_of(model)
            archive.check(forms)
            for name, variable in weights_of(model).items():
                begin_with(variable, partial(archive.read, name, forms[name]))
            make_variables(model.variables)
            return model

        return in_fresh_state(build, seed=0)

    def rows(
        self,
        table: Table,
        again: bool = False,
        disk: DiskCache | None = None,
        room: DeviceRoom | None = None,
    ) -> FeatureRows:
        """A table's rows as the model reads them.

        Args:
            table: any columns; a feature without a column is absent everywhere, and so is one that
                no task reads.
            again: whether they are read more than once, so that decoded media are kept in
                memory.
            disk: see `FeatureRows`.
            room: see `FeatureRows`.

        Raises:
            DataError: no column of any feature, or a cell that cannot be read.
        """
        check_columns(self.read, table)
        columns = {column for name, f in self.read.items() for column in f.reads(name)}
        unread = {c for name, f in self.features.items() for c in f.reads(name)} - columns
        table = table.without([column for column in unread if column in table])
        most = None if again else 0
        return FeatureRows(self.features, table, cache_bytes=most, disk=disk, room=room)

    def to_plain(self) -> dict[str, Any]:
        """The declaration as JSON data."""
        return {
            "features": {name: _with_state(f) for name, f in self.features.items()},
            "tasks": {name: _with_state(t) for name, t in self.tasks.items()},
            "fusion": to_plain(self.fusion),
            "sharing": to_plain(self.sharing),
            "width": self.width,
            "key": self.key,
            "weight": self.weight,
            "precision": self.precision,
            "served_by": list(self.served_by),
            "windows": to_plain(self.windows),
        }

    @classmethod
    def from_plain(
        cls, plain: Mapping[str, Any], custom_objects: Mapping[str, type] | None = None
    ) -> Self:
        """The declaration that `to_plain` wrote; its classes are plait's own or `custom_objects`.

        Raises:
            ModelFileError: an unknown class, missing or malformed parts.
        """
        custom = custom_objects or {}
        try:
            made = cls(
                features={
                    name: from_plain(p["declared"], plait.features, custom).with_state(p["state"])
                    for name, p in plain["features"].items()
                },
                tasks={
                    name: from_plain(p["declared"], plait.tasks, custom).with_state(p["state"])
                    for name, p in plain["tasks"].items()
                },
                fusion=from_plain(plain["fusion"], plait.fusion, custom),
                sharing=from_plain(plain["sharing"], plait.sharing, custom),
                width=plain["width"],
                key=plain["key"],
                weight=plain["weight"],
                # Files from before there was a choice have none.
                precision=plain.get("precision"),
                served_by=tuple(plain.get("served_by", ())),
                windows=_windows(plain.get("windows")),
            )
            made._check_kinds()
        except ConfigError as error:
            raise ModelFileError(
                f"The saved model names a class or argument that this plait does not have: {error} "
                "A class of your own loads through custom_objects={name: class}."
            ) from error
        except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
            raise ModelFileError(
                f"The saved model's description is malformed: {type(error).__name__}: {error}"
            ) from error
        return made

    def _check_kinds(self) -> None:
        expected: list[tuple[Any, Any]] = [
            *((f, Feature) for f in self.features.values()),
            *((t, Task) for t in self.tasks.values()),
            (self.fusion, Fusion),
            (self.sharing, Sharing),
            (self.width, int),
            (self.key or "", str),
            (self.weight or "", str),
            *((name, str) for name in self.served_by),
            (self.windows, Windows | None),
        ]
        for value, kind in expected:
            if not isinstance(value, kind):
                raise TypeError(f"expected {kind}, received {value!r}")
        if self.width < 1:
            raise ValueError(f"width is {self.width}")
        if self.precision not in (None, *get_args(Precision)):
            raise ValueError(f"precision is {self.precision}")
        for name, feature in self.features.items():
            size = math.prod(feature.spec.shape) * np.dtype(feature.spec.dtype).itemsize
            if size > _ROW_LIMIT:
                raise ValueError(f"one row of feature '{name}' would take {size} bytes")


def _windows(plain: Any) -> Any:
    return None if plain is None else from_plain(plain, plait.table)


def _with_state(part: Feature | Task) -> dict[str, Any]:
    return {"declared": to_plain(part), "state": to_plain(part.state)}
