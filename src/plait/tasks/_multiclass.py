"""One of several answers."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal, Self

import keras
import numpy as np
import pyarrow as pa

from plait.errors import ConfigError, DataError
from plait.heads import Head, LinearHead
from plait.table import Column
from plait.tasks import _metrics as metrics
from plait.tasks._class_weights import ClassWeights, check_choices, class_weights_of
from plait.tasks._labels import (
    Labelled,
    class_indices,
    count_classes,
    demand_labels,
    labelled_rows,
    positions,
    refuse_keys,
    scalar_cells,
)
from plait.tasks._losses import ClassCrossentropy
from plait.tasks._said import Gives
from plait.tasks._scores import by_class, checked, clipped_gain, log_softmax
from plait.tasks._task import Targets, Task


@dataclass(frozen=True, kw_only=True)
class Multiclass(Task):
    """One of several labels of any type, from one logit each.

    Args:
        label_smoothing: the share of each target that is spread over all classes, in [0, 1).
        class_weights: "balanced" gives every class the same say in the loss, however rare it is;
            "effective" goes part of that way, as far as `beta` says; None gives every row the same
            say.
        beta: of "effective", in [0, 1): a class counts as if it had at most 1 / (1 - beta) rows.
        focal: above 0, a row counts by (1 - p)^focal, p the probability of its class: the less, the
            surer the answer is already.
        on_unseen: what a label becomes whose class no training row has: an error, or a missing
            label, as rare classes ask for where rows are parted at random.
        column, features, after, weight, auxiliary, fade, missing: see `Task`.

    `decode` gives `""`, the label; `"probability"`, that of the label given; `"probabilities"`, a
    record with a field for each class.

    `scores` gives accuracy, macro_f1 (over the classes in the rows or the answers),
    balanced_accuracy (over the classes in the rows) and log_loss (in nats).

    Raises:
        ConfigError: an argument that cannot be; label_smoothing and focal at once.

    Example:
        Multiclass(class_weights="balanced")

    References:
        T.-Y. Lin, P. Goyal, R. Girshick, K. He, P. Dollár, "Focal Loss for Dense Object Detection",
        2017.
        Y. Cui, M. Jia, T.-Y. Lin, Y. Song, S. Belongie, "Class-Balanced Loss Based on Effective Number
        of Samples", 2019.
    """

    main_score: ClassVar[str] = "accuracy"
    answer_parts: ClassVar[tuple[str, ...]] = ("probability", "probabilities")
    gives: ClassVar[Gives | None] = "classes"
    one_class: ClassVar[bool] = True

    label_smoothing: float = 0.0
    class_weights: ClassWeights | None = None
    beta: float = 0.999
    focal: float = 0.0
    on_unseen: Literal["raise", "missing"] = "raise"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_choices("Multiclass", self.label_smoothing, self.focal, self.class_weights, self.beta)
        if self.on_unseen not in ("raise", "missing"):
            raise ConfigError(
                f"Multiclass: on_unseen is 'raise' or 'missing'. Received: {self.on_unseen!r}"
            )

    def fit(self, column: Column, weights: np.ndarray | None = None) -> Self:
        labelled = labelled_rows(column, self.missing, weights)
        demand_labels(labelled)
        values = scalar_cells(labelled, "Multiclass")
        classes, totals = count_classes(values, labelled.weights)
        if len(classes) == 1:
            raise DataError(
                f"Column '{column.name}' of {column.source}: every label of the training rows is "
                f"{classes[0]!r}. Multiclass needs two labels or more to tell apart. Split "
                "so that they train, or leave the task out."
            )
        refuse_keys(labelled, values, classes, "Multiclass")
        shares = totals / totals.sum()
        weights = class_weights_of(totals, self.class_weights, self.beta)
        # What each class counts; the likeliest answer that looks at nothing has these shares.
        counted = shares * weights
        trivial = -np.sum(counted * (1 - counted) ** self.focal * np.log(counted))
        return self.with_state(
            {
                "classes": classes,
                "shares": shares.tolist(),
                "class_weights": weights.tolist() if self.class_weights else None,
                "entropy": float(trivial),
            }
        )

    def targets(self, column: Column) -> Targets:
        labelled, truth, unseen = self._truth(column)
        values = np.zeros(len(column), "int32")
        values[labelled.rows] = truth
        return Targets(values, labelled.flags, unseen)

    def head(self) -> Head:
        counted = np.array(self.learnt["shares"]) * (self.learnt.get("class_weights") or 1.0)
        return LinearHead(len(counted), prior=tuple(np.log(counted).tolist()))

    def loss(self) -> keras.losses.Loss:
        weights = self.learnt.get("class_weights")
        return ClassCrossentropy(self.learnt["entropy"], self.label_smoothing, weights, self.focal)

    def decode(self, logits: np.ndarray) -> dict[str, pa.Array]:
        classes = self.learnt["classes"]
        probabilities = np.exp(log_softmax(logits))
        return {
            "": pa.array(classes).take(pa.array(logits.argmax(axis=1))),
            "probability": pa.array(probabilities.max(axis=1)),
            "probabilities": by_class(probabilities, classes),
        }

    def scores(
        self, logits: np.ndarray, column: Column, weights: np.ndarray | None = None
    ) -> dict[str, float]:
        labelled, truth, _ = self._truth(column, weights)
        if not len(truth):
            return {}
        w = labelled.weights
        z = checked(logits[labelled.rows])
        answers = z.argmax(axis=1)
        surprise = -log_softmax(z)[np.arange(len(truth)), truth]
        found = {
            "accuracy": metrics.accuracy_score(truth, answers, sample_weight=w),
            "macro_f1": metrics.f1_score(truth, answers, average="macro", sample_weight=w),
            "balanced_accuracy": metrics.recall_score(
                truth, answers, labels=np.unique(truth), average="macro", sample_weight=w
            ),
            "log_loss": np.average(surprise, weights=w),
        }
        return {name: float(value) for name, value in found.items()}

    def gain(self, scores: Mapping[str, float]) -> float:
        return clipped_gain(scores["accuracy"], trivial=max(self.learnt["shares"]))

    def _truth(
        self, column: Column, weights: np.ndarray | None = None
    ) -> tuple[Labelled, np.ndarray, int]:
        """The rows whose label is known, the class of each, and how many more are unseen."""
        labelled, classes = labelled_rows(column, self.missing, weights), self.learnt["classes"]
        values, every = scalar_cells(labelled, "Multiclass"), len(labelled.rows)
        if self.on_unseen == "missing":
            labelled = labelled.kept(positions(values, pa.array(classes)) >= 0)
            values = scalar_cells(labelled, "Multiclass")
        way_out = 'on_unseen="missing"'
        found = class_indices(labelled, values, classes, "Multiclass", way_out=way_out)
        return labelled, found, every - len(labelled.rows)
