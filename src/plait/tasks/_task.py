"""The contract of a task: a target column in; head, loss and answers in the user's terms out."""

import abc
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, ClassVar, Protocol, Self

import keras
import numpy as np
import pyarrow as pa

from plait._drawing import draw_number, draw_shares, draw_words
from plait._names import did_you_mean
from plait._ranges import demand_fade, demand_number, demand_texts
from plait.errors import ConfigError, PlaitError
from plait.features import Feature
from plait.heads import Head
from plait.table import Column, Table
from plait.tasks._labels import labelled_rows
from plait.tasks._numbers import numbers
from plait.tasks._said import Gives


class Rows(Protocol):
    """What is indexed by rows like an array, by several threads at once, and made when asked for."""

    @property
    def shape(self) -> tuple[int, ...]:
        """`(rows, *answer)`."""

    @property
    def dtype(self) -> np.dtype:
        """Of the arrays."""

    def __len__(self) -> int: ...

    def __getitem__(self, rows: Any, /) -> np.ndarray:
        """`(asked, *answer)` of indices or flags `(asked,)`; `answer` of one index."""


@dataclass(frozen=True)
class Targets:
    """Some rows of a target column as arrays.

    Attributes:
        values: `(rows, *answer)`, a valid constant where the label is missing; an array, or what is
            indexed by rows like one.
        labelled: `(rows,)` bool.
        unseen: how many labels were left out because no training row has their class.
    """

    values: np.ndarray | Rows
    labelled: np.ndarray
    unseen: int = 0


@dataclass(frozen=True, kw_only=True)
class Task(abc.ABC):
    """A column that the model answers.

    A task is a frozen declaration; `fit` returns a copy that also holds, in `state`, what was
    learnt from the training labels: plain JSON data and nothing else.

    Args:
        column: the target column's name; the task's own name if None.
        features: the features that this task may read; all of them if None.
        after: tasks whose answers its head is given beside its tokens, so that it depends on the
            features that they read, too; no gradient goes back to them.
        weight: multiplies the task's loss, before any balancing.
        auxiliary: whether the task only serves the others: it trains, but the model is not selected
            by it, balancers that tell such tasks apart are told, and it is no part of what is saved.
        fade: of an auxiliary task, the shares of the run between which its weight falls to 0 on a
            line, such as `(0.5, 0.8)`; it takes part no more after that. None for never.
        missing: strings that mean a missing label, beside null and "".
        state: what `fit` learnt; not for the user.
    """

    main_score: ClassVar[str]
    """The score that stands for the task in the progress bar and in the selection of a model."""
    one_class: ClassVar[bool] = False
    """Whether a label is one of some classes; a target is the class' number then."""
    quantity: ClassVar[bool] = False
    """Whether labels are numbers that stand for an amount, of which nobody counts the kinds."""

    answer_parts: ClassVar[tuple[str, ...]] = ()
    """What `decode` may give beside the answer: a column `<task>.<part>` each."""

    fused: ClassVar[bool] = True
    """Whether its head reads the fused tokens; else those of `of_features` alone, each by itself."""

    gives: ClassVar[Gives | None] = None
    """What its logits `(batch, answers)` say to tasks that come after it; None for other logits."""

    finds_kinds: ClassVar[bool] = False
    """Whether its number is of things of several kinds, each of which has a label: see `amount`."""

    lies_in_picture: ClassVar[bool] = False
    """Whether it says where in a picture the things of a label are: see `extents`."""

    column: str | None = None
    features: tuple[str, ...] | None = None
    after: tuple[str, ...] = ()
    weight: float = 1.0
    auxiliary: bool = False
    fade: tuple[float, float] | None = None
    missing: tuple[str, ...] = ()
    state: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        owner = type(self).__name__
        demand_number(owner, weight=self.weight)
        demand_texts(owner, missing=self.missing, after=self.after)
        object.__setattr__(self, "after", tuple(self.after))
        if self.features is not None:
            demand_texts(owner, features=self.features)
            object.__setattr__(self, "features", tuple(self.features))
        if self.fade is not None:
            demand_fade(owner, self.fade)
            if not self.auxiliary:
                raise ConfigError(
                    f"{owner}: fade is for a task that only serves the others, and this "
                    "one is no such task. Add auxiliary=True, or leave fade out.",
                    ("fade",),
                )

    @property
    def of_features(self) -> tuple[str, ...]:
        """The features without which it cannot be asked; its head is given what their encoders give."""
        return ()

    def check_features(self, features: Mapping[str, Feature]) -> None:
        """Refuses features that it cannot be a task of.

        Args:
            features: declared, by name.

        Raises:
            ConfigError: one of `of_features` is not there, or of a kind that it cannot be of.
        """
        for name in self.of_features:
            if name not in features:
                said = [f.name for f in fields(self) if getattr(self, f.name) == name]
                raise ConfigError(
                    f"it is of the feature '{name}', which is not declared."
                    f"{did_you_mean(name, features)}",
                    tuple(said[-1:]),
                )

    def columns(self, name: str) -> tuple[str, ...]:
        """The columns of labels that it has for itself, in a table in which it is called so."""
        return (self.column or name,)

    def is_in(self, name: str, table: Table) -> bool:
        """Whether a table has what `column_in` reads."""
        return all(column in table for column in self.columns(name))

    def column_in(self, name: str, table: Table) -> Column:
        """The labels of a table's rows as one column, which `fit`, `targets` and `scores` take.

        Args:
            name: of the task.
            table: the rows. A task of features is asked through `beside`.

        Raises:
            DataError: no such column.
        """
        return table.column(self.column or name)

    def beside(self, features: Mapping[str, Feature], table: Table | None = None) -> Self:
        """The task as it is asked about rows of a table; see `DenseTask`.

        Args:
            features: fitted, by name.
            table: the rows; None where only the form of an answer is asked for.
        """
        return self

    def trivial_logits(self) -> np.ndarray:
        """`(1, *answer)`, what looks at nothing: a new head's answer to tokens of zeros.

        It starts from the training labels' shares or mean.
        """
        nothing = np.zeros((1, 1, 1), "float32")
        return keras.ops.convert_to_numpy(self.head()(nothing, np.ones((1, 1), bool)))

    @property
    def learnt(self) -> Mapping[str, Any]:
        """What `fit` learnt.

        Raises:
            PlaitError: the task is not fitted.
        """
        if self.state is None:
            raise PlaitError(
                f"{type(self).__name__} is not fitted yet. Call fit(column) and use the task that "
                "it returns."
            )
        return self.state

    @abc.abstractmethod
    def fit(self, column: Column, weights: np.ndarray | None = None) -> Self:
        """Learns classes, scales and the trivial answer from the training rows.

        Args:
            column: the `column_in` of the training rows.
            weights: `(rows,)`, each row's weight, or None for 1.

        Raises:
            DataError: no labels, one class only, infinite values, text where numbers belong.
        """

    @abc.abstractmethod
    def targets(self, column: Column) -> Targets:
        """The labels as the loss takes them.

        Raises:
            DataError: a class that training never saw, an infinite value, a cell of the wrong kind.
        """

    @abc.abstractmethod
    def head(self) -> Head:
        """A new head."""

    def answer_layer(self) -> keras.layers.Layer | None:
        """What stands behind the head where the model answers, and not where it learns.

        A layer without weights, from the logits to what `decode` and `scores` take; None where they
        take the logits. A detector has thousands of logits a row, and few boxes.
        """
        return None

    @abc.abstractmethod
    def loss(self) -> keras.losses.Loss:
        """The loss of one row, of order 1 for the trivial answer; used through `call` only."""

    @abc.abstractmethod
    def decode(self, logits: np.ndarray) -> dict[str, pa.Array]:
        """Answers in the user's terms: `""` is the answer's own column, other keys are suffixes
        such as `"probability"` and `"probabilities"`.
        """

    @abc.abstractmethod
    def scores(
        self, logits: np.ndarray, column: Column, weights: np.ndarray | None = None
    ) -> dict[str, float]:
        """Scores over the labelled rows, on the user's own scale; empty if no row is labelled.

        Args:
            logits: `(rows, *answer)`.
            column: the `column_in` of the same rows.
            weights: `(rows,)`, or None for 1.
        """

    @abc.abstractmethod
    def gain(self, scores: Mapping[str, float]) -> float:
        """(s - s0) / (s* - s0) clipped to [-1, 1]: 0 for the trivial answer, 1 at best."""

    def draw(self, figure: Any, logits: np.ndarray, column: Column | None) -> None:
        """Draws one row's answer, and its label where it has one.

        Args:
            figure: an empty `matplotlib.figure.SubFigure`.
            logits: `(1, *answer)`, as `decode` takes them.
            column: the `column_in` of that row alone; None where the table has no such column.

        Raises:
            DataError: a label that the task cannot read.
        """
        said = {name: values[0].as_py() for name, values in self.decode(logits).items()}
        labelled = None if column is None else labelled_rows(column, self.missing)
        known = labelled is not None and bool(len(labelled.rows))
        if "probabilities" in said:
            true = self._true_classes(column) if column is not None and known else None
            draw_shares(figure, said["probabilities"], true)
        elif self.quantity:
            label = float(numbers(labelled, type(self).__name__)[0]) if labelled and known else None
            ends = (said["low"], said["high"]) if "low" in said else None
            draw_number(figure, said[""], ends, label)
        else:
            truth = f"label: {labelled.values[0].as_py()}" if labelled and known else "no label"
            draw_words(figure, [f"answer: {said['']}", truth])

    def _true_classes(self, column: Column) -> list[int] | None:
        """The numbers of the classes of a column's first row; None if it is not known to the task."""
        targets = self.targets(column)
        if not targets.labelled[0]:
            return None
        value = np.asarray(targets.values[0])
        return np.flatnonzero(value).tolist() if value.ndim else [int(value)]

    def amount(self, logits: Any, label: str | None = None) -> Any:
        """The number that its logits say, on the user's own scale, `(batch,)`, with a gradient.

        Args:
            logits: `(batch, *answer)`, of its head.
            label: of a task that finds things of several kinds, the kind that is counted; all if None.
        """
        raise NotImplementedError(f"{type(self).__name__} says no number.")

    def spread(self, label: str | None = None) -> float | None:
        """The deviation of that number in the training rows; None for a task that says no number."""
        return None

    def kind(self, label: str) -> int:
        """The number of a label, as text, among those of a task that finds things of several kinds.

        Raises:
            ConfigError: no training row has it.
        """
        raise NotImplementedError(f"{type(self).__name__} finds no kinds of things.")

    def extent_kind(self, label: str) -> int:
        """The number of the label whose things `extents` looks for.

        Raises:
            ConfigError: no training row has it.
        """
        return self.kind(label)

    def extents(self, logits: Any, label: str, slices: int) -> Any:
        """How probably a picture's slices hold a part of the things of a label, with a gradient.

        Args:
            logits: `(batch, *answer)`, of its head.
            label: of the things.
            slices: how many each of the picture's sides is cut into.

        Returns:
            `(batch, 2, slices)` in [0, 1]: slices from left to right, and from top to bottom.
        """
        raise NotImplementedError(
            f"{type(self).__name__} says of no place in a picture what is there."
        )

    def with_state(self, state: Mapping[str, Any]) -> Self:
        """A fitted copy."""
        return replace(self, state=dict(state))
