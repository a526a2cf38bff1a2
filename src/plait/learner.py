"""`Learner`: the whole flow from a table to answers, on one page."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import keras
import pyarrow as pa

from plait._names import parameters
from plait._ranges import MOST_SEED, demand_whole
from plait.balancing import Balancer
from plait.errors import PlaitError
from plait.evaluation import draw, evaluate
from plait.features import Feature, fit_features
from plait.fusion import Concat, Fusion
from plait.inference import Declaration, Predictor, Scores, check_layers, check_names, row_weights
from plait.objectives import Objective, fit_objectives
from plait.sharing import HardSharing, Sharing
from plait.table import (
    Parts,
    Split,
    Table,
    Windows,
    agreed,
    demand_whole_series,
    folds,
    table_of,
)
from plait.tasks import Task, features_for, fit_tasks
from plait.training import (
    Epoch,
    Estimate,
    Prepared,
    Run,
    Spent,
    Start,
    Trained,
    Training,
    batch_that_fits,
    begin_documents,
    check_folds,
    counted_parts,
    demand_parts,
    estimate,
    folds_documents,
    held_run,
    parted,
    run_folds,
    run_once,
    tell,
)

FilePath = str | Path


class Learner:
    """One model for a table: declared columns in, declared columns out.

    It assembles a functional `MultiTaskModel` out of plait's public layers, trains it with Keras'
    own `fit`, keeps the weights of the best epoch, and answers through a `Predictor`.

    Args:
        features: the columns that the model reads, by name.
        tasks: the columns that it answers, by name.
        fusion: joins the features' tokens; `Concat` if None.
        sharing: what the tasks share after fusion; `HardSharing` if None.
        balancing: weighs the tasks against each other; their losses are added if None. Either way
            the history tells how their gradients lay to each other.
        split: how one table becomes training, validation and test rows; a name alone is a column
            that says each row's part. It is the column of `windows.parts` if that is given.
        weight: the column of each row's weight, in the loss and in the scores; a row of weight 0
            is as if it were not there.
        key: the column that names a row; predictions carry it through.
        objectives: signals between tasks or features that it learns from beside, by name; the model
            that is kept has nothing of them.
        windows: how a long table, one step of a series a row, becomes rows; None where each row is one.
        training: how to train; by the size of the data if None.
        width: the size of the tokens of every part that does not name its own.
        seed: decides the initial weights, the order of the rows and dropout.

    Raises:
        ConfigError: a column that is both a feature and a target, a task that reads an unknown
            feature, names that cannot be used; a width or seed out of its range; a class, or its
            name, where an object is due.

    Example:
        learner = plait.Learner(
            features={"title": plait.Text(), "age": plait.Number()},
            tasks={"bought": plait.Binary(), "price": plait.Regression()},
        )
        learner.fit("train.parquet")
        learner.predict("new.parquet")
    """

    def __init__(
        self,
        features: Mapping[str, Feature],
        tasks: Mapping[str, Task],
        *,
        fusion: Fusion | None = None,
        sharing: Sharing | None = None,
        balancing: Balancer | None = None,
        split: Split | str | None = None,
        weight: str | None = None,
        key: str | None = None,
        objectives: Mapping[str, Objective] | None = None,
        windows: Windows | None = None,
        training: Training | None = None,
        width: int = 128,
        seed: int = 0,
    ) -> None:
        check_names(features, tasks, key, objectives)
        demand_whole("Learner", width=width)
        demand_whole("Learner", least=0, most=MOST_SEED, seed=seed)
        demand_parts(
            fusion=fusion,
            sharing=sharing,
            balancing=balancing,
            training=training,
            split=split,
            windows=windows,
        )
        if training is not None:
            training.check(features, tasks, objectives or {})
        check_layers(fusion, sharing, features, tasks)
        self.features = features_for(features, tasks, width)
        self.tasks = dict(tasks)
        self.objectives = dict(objectives or {})
        self.fusion = fusion
        self.sharing = sharing
        self.balancing = balancing
        self.split, self.windows = agreed(split, windows)
        self.weight = weight
        self.key = key
        self.training = training
        self.width = width
        self.seed = seed
        self.history: tuple[Epoch, ...] = ()
        self._predictor: Predictor | None = None
        self._model: keras.Model | None = None

    def __repr__(self) -> str:
        fitted = "not fitted" if self._predictor is None else "fitted"
        return f"Learner({', '.join(self.features)} -> {', '.join(self.tasks)}; {fitted})"

    def fit(
        self,
        table: Any,
        validation: Any = None,
        run: FilePath | bool | Run = True,
        root: FilePath | None = None,
        *,
        resume: bool = False,
        callbacks: Sequence[keras.callbacks.Callback] = (),
        verbose: bool = True,
    ) -> Self:
        """Learns from a table; what was learnt before is forgotten.

        Args:
            table: whatever `Table.read` takes, parted by `split`; or `{"train": ..., "validation":
                ..., "test": ...}`, each such a table, where only "train" has to be there.
            validation: the rows that choose the best epoch, if they have a table of their own.
            run: the folder of the run; True is `runs/<date and time>`, False leaves none. While it
                trains it holds checkpoints.
            root: the folder that media paths are relative to; each file's own if None.
            resume: go on with the run in that folder, which was killed or stopped, on the same data and
                declared as it was. It ends with the weights that it would have had.
            callbacks: Keras' own.
            verbose: whether to print the choices made, a progress bar and the outcome. What ended
                training early is told in any case.

        Raises:
            DataError: a column that is not there, a cell that cannot be read, a task without labels.
            ConfigError: a run's folder that holds something, or cannot be written; nothing to go on
                with.
            StoppedError: Ctrl-C or SIGTERM; a checkpoint was written.
            BalancingError: the balancer asks for what the model cannot give.
        """
        with held_run(run, resume) as held:
            parts = self._parted(table, validation, root)
            self._learn(parts, held, callbacks, verbose)
        if verbose and held is not None:
            tell([f"run: {held.folder}"])
        return self

    def _learn(
        self,
        parts: Mapping[str, Table],
        run: Run | None,
        callbacks: Sequence[keras.callbacks.Callback],
        verbose: bool,
        scored_on: Table | None = None,
    ) -> Scores | None:
        """`fit`, from the rows of each part on, in the block of the run; the scores on further rows."""

        def when_trained(trained: Trained) -> Scores | None:
            self._predictor, self._model = trained.predictor, trained.model
            self.history = trained.history
            return None if scored_on is None else self.evaluate(scored_on)

        ready = self._prepared(parts, run)
        return run_once(
            ready,
            self.balancing,
            self._documents(ready),
            run,
            when_trained,
            callbacks=callbacks,
            verbose=verbose,
        )

    def estimate(
        self, table: Any, validation: Any = None, root: FilePath | None = None
    ) -> Estimate:
        """What `fit` will take in time, memory and disk, by a few of its steps; none of it is kept.

        Args:
            table: see `fit`, as the others.
            validation: the rows that choose the best epoch, if they have a table of their own.
            root: the folder that media paths are relative to; each file's own if None.

        Raises:
            DataError, ConfigError, BalancingError: see `fit`.
        """
        spent = Spent()
        parts = self._parted(table, validation, root)
        ready = self._prepared(parts)
        return estimate(ready, self.balancing, self._documents(ready), spent)

    @property
    def predictor(self) -> Predictor:
        """What answers, once the learner is fitted or loaded.

        Raises:
            PlaitError: it is neither.
        """
        if self._predictor is None:
            raise PlaitError("The learner is not fitted. Call fit(table), or Learner.load(path).")
        return self._predictor

    @property
    def model(self) -> keras.Model:
        """The Keras model: a compiled `MultiTaskModel` after `fit`, a plain one after `load`."""
        return self._model or self.predictor.model

    def evaluate(self, table: Any, root: FilePath | None = None) -> Scores:
        """Each task's scores on the labelled rows of a table, `{task: {metric: value}}`.

        Raises:
            DataError: no target column, or a cell that cannot be read.
        """
        return evaluate(self.predictor, Table.read(table, root))

    def predict(self, table: Any, key: str | None = None, root: FilePath | None = None) -> pa.Table:
        """Answers in the user's terms, one row a row; see `Predictor.predict`."""
        return self.predictor.predict(Table.read(table, root), key)

    def draw(self, table: Any, rows: int = 8, root: FilePath | None = None) -> Any:
        """Some rows with the answers of each task, as a matplotlib figure; see `evaluation.draw`."""
        return draw(self.predictor, Table.read(table, root), rows)

    def embed(
        self,
        table: Any,
        feature: str,
        *,
        task: str | None = None,
        key: str | None = None,
        root: FilePath | None = None,
    ) -> pa.Table:
        """The vectors of one feature's cells, by a `Matching`; see `Predictor.embed`."""
        return self.predictor.embed(Table.read(table, root), feature, task=task, key=key)

    def search(
        self,
        queries: Any,
        corpus: Any,
        by: str,
        *,
        k: int = 10,
        task: str | None = None,
        key: str | None = None,
        root: FilePath | None = None,
    ) -> pa.Table:
        """For each query the rows of a corpus that match it best; see `Predictor.search`."""
        read, tables = self.predictor, (Table.read(queries, root), Table.read(corpus, root))
        return read.search(*tables, by, k=k, task=task, key=key)

    def save(self, path: FilePath) -> None:
        """Writes the model to one file, whole or not at all."""
        self.predictor.save(path)

    def export(self, path: FilePath | None = None, *, tasks: Sequence[str]) -> Predictor:
        """A model of some of the tasks, without what only the others have.

        Its answers to these are the same. Encoders that none of them reads are left out, and so is
        what others have within the sharing, such as the trunks of `SoftSharing` and the choice of
        experts of `DSelectK`. `CrossStitch`, `Sluice` and `PLE` are carried whole: in these a task is
        given what was made of the others' trunks or experts.

        Args:
            path: of a file to write it to; `Learner.load` and `plait predict` read it. None for none.
            tasks: the names of those that it answers.

        Raises:
            ConfigError: no task, one that is not there, or one that comes after one that is not named.
        """
        slim = self.predictor.of_tasks(tasks)
        if path is not None:
            slim.save(path)
        return slim

    @classmethod
    def load(cls, path: FilePath, custom_objects: Mapping[str, type] | None = None) -> Self:
        """A learner that answers; how it was trained is in the run. See `Predictor.load`."""
        predictor = Predictor.load(path, custom_objects)
        found = predictor.declaration
        kept = ("fusion", "sharing", "weight", "key", "windows", "width")
        learner = cls(found.features, found.tasks, **{name: getattr(found, name) for name in kept})
        learner._predictor = predictor
        return learner

    def folds(
        self,
        table: Any,
        spec: int | str,
        run: FilePath | bool | Run = True,
        root: FilePath | None = None,
        *,
        resume: bool = False,
        verbose: bool = True,
    ) -> dict[str, Any]:
        """Trains once for each fold, on the other rows, and scores on the fold.

        Of `split` only `by` counts here: its groups stay whole, where `spec` is a number of folds.

        Args:
            table: whatever `Table.read` takes.
            spec: how many folds, or a column whose values name them.
            run: see `fit`; the folder holds each fold's own run, with its scores, and `metrics.json`
                when the last fold is over.
            root: the folder that media paths are relative to; the file's own if None.
            resume: see `fit`; the folds that are over are not trained again.
            verbose: see `fit`.

        Returns:
            `{"folds": {fold: scores}, "mean": scores}`, where scores are `{task: {metric: value}}`.

        Raises:
            DataError, ConfigError: see `fit` and `plait.table.folds`.
            StoppedError: see `fit`.
        """
        with held_run(run, resume, of_folds=True) as held:
            table = table_of(table, root, self.windows)
            by = self.split.by if isinstance(self.split, Split) else None
            demand_whole_series(table, spec if isinstance(spec, str) else by, self.windows)
            every = list(folds(table, spec, self._targets, self.seed, by))
            check_folds(table, every, self.tasks, self.weight, by)
            arguments = {name: getattr(self, name) for name in parameters(Learner)}
            if held is not None:
                held.begin(folds_documents({**arguments, "folds": spec}, table))

            def scored(rows: Parts, run: Run | None) -> Scores:
                parts = {"train": table.take(rows.train), "validation": table.take(rows.validation)}
                learner = Learner(**arguments)
                return learner._learn(parts, run, (), verbose, table.take(rows.test)) or {}

            return run_folds(every, held, scored, verbose)

    def _parted(self, table: Any, validation: Any, root: FilePath | None) -> dict[str, Table]:
        return parted(table, validation, self.split, self._targets, root, self.windows)

    @property
    def _targets(self) -> list[str]:
        return [column for name, task in self.tasks.items() for column in task.columns(name)]

    @property
    def _start(self) -> Start | None:
        if self.training is None or self.training.start is None:
            return None
        named = [*self.features.values(), *self.tasks.values()]
        encoders = [feature.encoder for feature in self.features.values()]
        return Start(self.training.start, [*named, *encoders, self.fusion, self.sharing])

    def _prepared(self, parts: Mapping[str, Table], run: Run | None = None) -> Prepared:
        """What there is to train on, with every choice made."""
        parts, start = counted_parts(parts, self.weight), self._start
        training = self.training or Training()
        declaration = self._fitted(parts["train"], start)
        ready = Prepared.of(declaration, parts, training, self.weight, self.seed, start)
        if training.batch_size == "auto":
            return batch_that_fits(ready, self.balancing, run)
        return ready

    def _documents(self, ready: Prepared) -> dict[str, Any]:
        arguments = {name: getattr(self, name) for name in parameters(Learner)}
        arguments["training"] = ready.settings
        return begin_documents(arguments, ready.declaration, ready.parts)

    def _fitted(self, table: Table, start: Start | None) -> Declaration:
        """Features and tasks that have seen the training rows, with every choice made."""
        weights = None if self.weight is None else row_weights(table, self.weight)
        if start is not None:
            features = start.features(self.features, table)
            tasks = start.tasks(self.tasks, features, table, weights)
        else:
            features = fit_features(self.features, table)
            tasks = fit_tasks(self.tasks, features, table, weights)
        return self.declared(
            features, tasks, fit_objectives(self.objectives, table, features, tasks)
        )

    def declared(
        self,
        features: Mapping[str, Feature],
        tasks: Mapping[str, Task],
        objectives: Mapping[str, Objective] | None = None,
    ) -> Declaration:
        """What a model of these fitted features, tasks and objectives is, with every choice made."""
        return Declaration(
            features,
            tasks,
            self.fusion or Concat(width=self.width),
            self.sharing or HardSharing(),
            self.width,
            self.key,
            self.weight,
            self.training.precision if self.training else None,
            objectives=objectives or {},
            windows=self.windows,
        ).settled()
