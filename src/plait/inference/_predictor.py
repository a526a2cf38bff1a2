"""A fitted model that answers: features, tasks, a Keras model, and the way back to labels."""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import keras
import numpy as np
import pyarrow as pa

from plait._copies import take_weights
from plait.backend import answering
from plait.data import FeatureRows
from plait.errors import ConfigError, ModelFileError
from plait.inference._answers import Answers, joined, keys_of, together
from plait.inference._archive import Archive, write_archive
from plait.inference._check_names import check_answers
from plait.inference._declaration import Declaration
from plait.inference._embedder import Embedder
from plait.inference._gates import gates
from plait.inference._rows import batches, rows_of_nothing, warn_of_nothing
from plait.inference._weights import forms_of, weights_of
from plait.sharing import Sharing
from plait.tasks import Task

BATCH_SIZE = 64
_FEW = 8
"""Rows of a request that somebody waits for: they need not take as long as a whole batch."""


class Predictor:
    """Answers for the rows of a table; needs no label columns and no training code.

    Args:
        declaration: fitted features and tasks, fusion and sharing.
        model: the Keras model of that declaration, from `(inputs)` to logits by task.
        batch_size: rows a call of the model; every call has this size, so that one shape compiles, or
            8 for a table of no more rows.

    Example:
        predictor = Predictor.load("pets.plait")
        predictor.predict("new.parquet", key="id")
    """

    def __init__(
        self, declaration: Declaration, model: keras.Model, batch_size: int = BATCH_SIZE
    ) -> None:
        self.declaration = declaration
        self.model = model
        self._answering = _with_answer_layers(model, declaration.tasks)
        self._answer = answering(self._answering)
        self._embedder = Embedder(declaration, model, batch_size)
        self.batch_size = batch_size
        self.features = declaration.features
        self.tasks = declaration.tasks

    @classmethod
    def build(cls, declaration: Declaration, seed: int = 0) -> Self:
        """A predictor with initial weights drawn from `seed`."""
        inputs, outputs = declaration.connect(seed)
        return cls(declaration, keras.Model(inputs, {t: outputs[t] for t in declaration.tasks}))

    @classmethod
    def load(
        cls, path: str | os.PathLike[str], custom_objects: Mapping[str, type] | None = None
    ) -> Self:
        """Reads a saved model, whichever backend trained it; runs no code from the file.

        Args:
            path: the file, or the folder of a run.
            custom_objects: a user's own classes by name; all others are plait's.

        Raises:
            ModelFileError: the file is cut short, crafted, from a newer plait, or names a class
                that is neither plait's nor in `custom_objects`.
        """
        with Archive(Path(path)) as archive:
            declaration = Declaration.from_plain(archive.description, custom_objects)
            try:
                archive.check_count(declaration.least_weights)
                predictor = cls(declaration, declaration.model_from(archive))
                predictor._check_decoding()
            except (
                LookupError,
                TypeError,
                ValueError,
                AttributeError,
                ArithmeticError,
                pa.ArrowException,
            ) as error:
                if isinstance(error, ModelFileError):
                    raise
                raise ModelFileError(
                    f"The saved model {archive.path} describes no model that can be built: {error}"
                ) from error
        return predictor

    def _check_decoding(self) -> None:
        """Decodes one row of zeros: a task whose state does not fit its head fails here."""
        for name, task in self.tasks.items():
            shape = (1, *self._answering.output[name].shape[1:])
            task.beside(self.features).decode(np.zeros(shape, "float32"))

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes one file of plain JSON and plain arrays, whole or not at all.

        Raises:
            ModelFileError: the path is that of a folder.
        """
        if Path(path).is_dir():
            raise ModelFileError(
                f"'{path}' is a folder, and a model is saved to one file. Give its name, such as "
                f"'{Path(path) / 'model.plait'}'."
            )
        forms = forms_of(self.model)
        weights = {
            name: keras.ops.convert_to_numpy(variable.value).astype(forms[name].dtype)
            for name, variable in weights_of(self.model).items()
        }
        description = {"backend": keras.backend.backend(), **self.declaration.to_plain()}
        write_archive(Path(path), description, weights)

    def served(self) -> "Predictor":
        """The same answers without those of tasks that only served the others; see `Declaration`."""
        declaration = self.declaration.served()
        return self if not declaration.served_by else self._left(declaration)

    def of_tasks(self, tasks: Sequence[str]) -> "Predictor":
        """The same answers to some of the tasks, without what only the others have.

        Args:
            tasks: their names.

        Raises:
            ConfigError: no task, one that is not there, or one that comes after one that is not named.
        """
        declaration = self.declaration.of_tasks(tasks)
        for layer in self.model.layers:
            if isinstance(layer, Sharing):
                declaration = replace(declaration, sharing=layer.narrowed(declaration.sharing))
        left = self._left(declaration)
        if set(weights_of(left.model)) != set(declaration.forms()):
            raise _named_by_others(declaration)
        return left

    def _left(self, declaration: Declaration) -> "Predictor":
        """The predictor of a declaration that has some of the tasks."""
        outputs = {name: self.model.output[name] for name in declaration.tasks}
        needed = keras.Model(self.model.input, outputs)
        if declaration.sharing is self.declaration.sharing:
            return Predictor(declaration, needed, self.batch_size)
        slim = Predictor.build(declaration)
        if {layer.name for layer in needed.layers} != {layer.name for layer in slim.model.layers}:
            raise _named_by_others(declaration)
        for layer in slim.model.layers:
            own = needed.get_layer(layer.name)
            if isinstance(layer, Sharing):
                layer.take_from(own)
            elif layer.weights:
                take_weights(layer, own)
        return Predictor(declaration, slim.model, self.batch_size)

    def answers(self, rows: FeatureRows) -> Answers:
        """Logits and presence of every row.

        Raises:
            DataError: a cell that cannot be read where the feature's `on_error` is "raise".
        """
        return joined(list(self._answers(rows)))

    def _answers(self, rows: FeatureRows) -> Iterator[Answers]:
        """The same, batch by batch."""
        size = self.batch_size if rows.rows > _FEW else min(_FEW, self.batch_size)
        for count, x in batches(rows, size):
            given = self._answer(x)
            presence = {feature: x[f"{feature}__present"][:count] for feature in self.features}
            yield Answers({t: np.asarray(given[t])[:count] for t in self.tasks}, presence)

    def _asked_for(self, rows: FeatureRows) -> Iterator[Answers]:
        """The same for somebody who wants to be told of rows that have no feature."""
        start, nothing = 0, []
        for answers in self._answers(rows):
            nothing += rows.numbers[start + rows_of_nothing(answers.presence)].tolist()
            start += answers.rows
            yield answers
        if nothing:
            warn_of_nothing(rows.table, nothing, rows.rows)

    def logits(self, table: Any) -> dict[str, np.ndarray]:
        """The model's raw answers, `{task: (rows, *answer)}`.

        Args:
            table: a `Table`, or whatever `Table.read` takes.

        Raises:
            DataError: no column of any feature, or a cell that cannot be read.
        """
        rows = self.declaration.rows(self.declaration.table(table))
        return joined(list(self._asked_for(rows))).logits

    def gates(self, table: Any, rows: int = 512) -> pa.Table:
        """How fusion and sharing weigh their parts for each task, over rows of a table.

        Fusions that weigh are `Weighted`, `Gated` (here the mean over its channels), `SubsetExperts`
        and `Late` with `product`; sharings `MMoE`, `CGC`, `PLE`, `DSelectK` (which skips an expert of
        0), `CrossStitch` and `Sluice` (whose weights may be negative). In a `PLE` the gate of a
        level's shared experts is that of "every task".

        Args:
            table: a `Table`, or whatever `Table.read` takes; labels are not needed.
            rows: how many of its rows are looked at, from all over it.

        Returns:
            A line for each part of each gate: `task`, `gate`, `part`, and over the rows the `mean` of
            what it counts for and its `deviation`, which is 0 where all rows weigh alike. No line of a
            model that weighs nothing.

        Raises:
            ConfigError: a number of rows that cannot be.
            DataError: see `logits`.
        """
        if rows < 1:
            raise ConfigError(f"rows is 1 or more. Received: {rows}.", ("rows",))
        if not (self.declaration.fusion.weighs or self.declaration.sharing.weighs):
            return gates(self.model, {}, ())
        whole = self.declaration.table(table)
        places = np.linspace(0, len(whole) - 1, min(rows, len(whole))).astype("int64")
        some = self.declaration.rows(whole.take(places))
        return gates(self.model, self.tasks, batches(some, self.batch_size))

    def predict(self, table: Any, key: str | None = None) -> pa.Table:
        """Answers in the user's terms, one row for each row of the table, in its order.

        Of more rows than memory takes, `predict_in_parts` gives some at a time.

        Args:
            table: a `Table`, or whatever `Table.read` takes. Columns may be missing.
            key: a column to carry through; the one the model was trained with if None and there.

        Returns:
            Columns `<key>`, and for each task `<task>` and what it says beside it, such as
            `<task>.probability` and `<task>.probabilities`.

        Raises:
            DataError: see `logits`; or the table has no column `key`.
            ConfigError: a key of the name of an answer's column.
        """
        return pa.concat_tables(self.predict_in_parts(table, key))

    def predict_in_parts(self, table: Any, key: str | None = None) -> Iterator[pa.Table]:
        """What `predict` gives, a few thousand rows at a time.

        Args, Raises: see `predict`.
        """
        table = self.declaration.table(table, ahead=True)
        keys = keys_of(self.declaration, table, key)
        check_answers(self.tasks, keys[0].name if len(keys) == 1 else None)
        start = 0
        for answers in together(self._asked_for(self.declaration.rows(table))):
            rows = np.arange(start, start + answers.rows)
            columns: dict[str, Any] = {k.name: k.take(rows).values for k in keys}
            for name, task in self.declaration.tasks_in(table.take(rows)).items():
                for suffix, values in task.decode(answers.logits[name]).items():
                    columns[f"{name}.{suffix}" if suffix else name] = values
            yield pa.table(columns)
            start += answers.rows

    def embed(
        self, table: Any, feature: str, *, task: str | None = None, key: str | None = None
    ) -> pa.Table:
        """The vectors of one feature's cells, by a `Matching` that is of it.

        Args:
            table: a `Table`, or whatever `Table.read` takes. Other columns may be missing.
            feature: its name.
            task: the `Matching`; the only one that is of the feature, if None.
            key: see `predict`.

        Returns:
            Columns `<key>` and `<task>.<feature>`: lists of the task's `width` numbers, float32, of
            length 1; null where the feature is absent. `search` takes it as it is, and from a file.

        Raises:
            ConfigError: no such task, or a feature that it is not of.
            DataError: no column of the feature, or a cell that cannot be read.
        """
        return self._embedder.embed(table, feature, task, key)

    def search(
        self,
        queries: Any,
        corpus: Any,
        by: str,
        *,
        k: int = 10,
        task: str | None = None,
        key: str | None = None,
    ) -> pa.Table:
        """For each query the rows of a corpus that match it best, by a `Matching`.

        All cosines are taken, some megabytes of them at a time; there is no approximate index.

        Args:
            queries: a table with the feature `by`, or what `embed` gave for it.
            corpus: a table with the other feature of the task, or what `embed` gave for that.
            by: the feature that is asked by.
            k: how many rows for each query; all where the corpus has no more.
            task: the `Matching`; the only one that is of the feature, if None.
            key: a column that names the rows; the one the model was trained with if None and there.

        Returns:
            A row for each row that is found, query after query, from near to far: `query` and `found`,
            the keys of both, or their places from 0 where there is no key; `rank` from 1; and `cosine`.
            Queries without the feature have none, and rows of the corpus without theirs are not found.

        Raises:
            ConfigError: see `embed`; a `k` that cannot be.
            DataError: see `embed`; a corpus without any row that has the feature; vectors that are not
                this model's.
        """
        return self._embedder.search(queries, corpus, by, k, task, key)


def _with_answer_layers(model: keras.Model, tasks: Mapping[str, Task]) -> keras.Model:
    """The model with what stands behind its heads when it answers; see `Task.answer_layer`."""
    layers = {name: task.answer_layer() for name, task in tasks.items()}
    if not any(layer is not None for layer in layers.values()):
        return model
    logits = model.output
    outputs = {n: logits[n] if layer is None else layer(logits[n]) for n, layer in layers.items()}
    return keras.Model(model.input, outputs)


def _named_by_others(declaration: Declaration) -> ConfigError:
    return ConfigError(
        f"The layers of {', '.join(declaration.tasks)} have names that other tasks decided, "
        "whose names are alike. Give the tasks other names, and train again."
    )
