"""One of two answers."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

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
    means_missing,
    near_class,
    positions,
    scalar_cells,
)
from plait.tasks._losses import BinaryCrossentropy
from plait.tasks._numbers import numbers
from plait.tasks._said import Gives
from plait.tasks._scores import binary_entropy, by_class, checked, clipped_gain, sigmoid
from plait.tasks._task import Targets, Task

_YES = frozenset({"1", "1.0", "true", "t", "yes", "y", "on", "positive", "pos"})


@dataclass(frozen=True, kw_only=True)
class Binary(Task):
    """One of two labels of any type, from one logit.

    Args:
        positive: the label that AUC, average precision and F1 are about. If None: the one that says
            yes (true, 1, "yes", "positive", ...), else the last in sorted order.
        above: of a column of numbers, which are the labels: true what lies above this, else false. So a
            count has a second task, whether there is any, by `above=0`.
        label_smoothing, class_weights, beta, focal: see `Multiclass`.
        column, features, after, weight, auxiliary, fade, missing: see `Task`.

    `decode` gives `""`, the label; `"probability"`, that of the label given; `"probabilities"`, a
    record with a field for each of the two.

    `scores` gives accuracy, auc, average_precision, f1 and log_loss (in nats). With one class only
    in the rows, auc and average_precision are undefined and left out, and so is f1 without a
    positive label; the gain is then that of the log loss.

    Raises:
        ConfigError: an argument that cannot be; label_smoothing and focal at once, or positive and
            above.

    Example:
        Binary(missing=("unknown",))
    """

    main_score: ClassVar[str] = "auc"
    answer_parts: ClassVar[tuple[str, ...]] = ("probability", "probabilities")
    gives: ClassVar[Gives | None] = "yes or no"
    one_class: ClassVar[bool] = True

    positive: bool | int | float | str | None = None
    label_smoothing: float = 0.0
    class_weights: ClassWeights | None = None
    beta: float = 0.999
    focal: float = 0.0
    above: float | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        number = isinstance(self.above, int | float) and np.isfinite(self.above)
        if self.above is not None and (self.positive is not None or not number):
            raise ConfigError(
                "Binary: above is a finite number, beside which positive has no meaning. "
                f"Received: above={self.above!r}, positive={self.positive!r}."
            )
        check_choices("Binary", self.label_smoothing, self.focal, self.class_weights, self.beta)

    def fit(self, column: Column, weights: np.ndarray | None = None) -> Self:
        labelled = labelled_rows(column, self.missing, weights)
        demand_labels(labelled)
        values = self._cells(labelled)
        classes, totals = count_classes(values, labelled.weights)
        if len(classes) == 1:
            raise DataError(
                f"Column '{column.name}' of {column.source}: every label of the training rows is "
                f"{classes[0]!r}. Binary needs two labels to tell apart. Split so "
                "that both train, or leave the task out."
            )
        if len(classes) > 2:
            rarest = classes[int(np.argmin(totals))]
            row = int(np.flatnonzero(positions(values, pa.array([rarest])) == 0)[0])
            raise DataError(
                f"Column '{column.name}' of {column.source}: Binary expects two labels. Received "
                f"{len(classes)}, such as {rarest!r} in row {labelled.column.rows[row]}. For "
                f"more than two, declare Multiclass().{means_missing(rarest, 'Binary')}"
            )
        yes = self._positive(column, classes)
        totals = totals[[1 - yes, yes]]
        shares = totals / totals.sum()
        weights = class_weights_of(totals, self.class_weights, self.beta)
        # What each class counts; the likeliest answer that looks at nothing has these shares.
        counted = shares * weights
        trivial = -np.sum(counted * (1 - counted) ** self.focal * np.log(counted))
        return self.with_state(
            {
                "classes": [classes[1 - yes], classes[yes]],
                "share": float(shares[1]),
                "entropy": float(binary_entropy(shares[1])),
                "class_weights": weights.tolist() if self.class_weights else None,
                "trivial_loss": float(trivial),
            }
        )

    def _cells(self, labelled: Labelled) -> pa.Array:
        """The labels, whether numbers lie above `above` where that is asked."""
        if self.above is None:
            return scalar_cells(labelled, "Binary")
        return pa.array(numbers(labelled, "Binary") > self.above)

    def _positive(self, column: Column, classes: list[Any]) -> int:
        if self.positive is not None:
            (found,) = positions(pa.array([self.positive]), pa.array(classes))
            if found < 0:
                raise DataError(
                    f"Column '{column.name}' of {column.source}: Binary(positive="
                    f"{self.positive!r}) is none of its labels."
                    f"{near_class(self.positive, classes)}"
                )
            return int(found)
        says_yes = [str(label).strip().lower() in _YES for label in classes]
        return says_yes.index(True) if sum(says_yes) == 1 else 1

    def targets(self, column: Column) -> Targets:
        labelled = labelled_rows(column, self.missing)
        values = np.zeros(len(column), "float32")
        values[labelled.rows] = class_indices(
            labelled, self._cells(labelled), self.learnt["classes"], "Binary"
        )
        return Targets(values, labelled.flags)

    def head(self) -> Head:
        share, (no, yes) = self.learnt["share"], self.learnt.get("class_weights") or (1.0, 1.0)
        return LinearHead(1, prior=(float(np.log(share * yes) - np.log((1 - share) * no)),))

    def loss(self) -> keras.losses.Loss:
        return BinaryCrossentropy(
            self.learnt.get("trivial_loss", self.learnt["entropy"]),
            self.label_smoothing,
            (self.focal, self.focal),
            class_weights=self.learnt.get("class_weights"),
        )

    def decode(self, logits: np.ndarray) -> dict[str, pa.Array]:
        classes = self.learnt["classes"]
        yes = sigmoid(logits[:, 0])
        both = np.stack([sigmoid(-logits[:, 0]), yes], axis=1)
        answers = (logits[:, 0] > 0).astype("int32")
        return {
            "": pa.array(classes).take(pa.array(answers)),
            "probability": pa.array(both.max(axis=1)),
            "probabilities": by_class(both, classes),
        }

    def scores(
        self, logits: np.ndarray, column: Column, weights: np.ndarray | None = None
    ) -> dict[str, float]:
        labelled = labelled_rows(column, self.missing, weights)
        if not len(labelled.rows):
            return {}
        truth = class_indices(labelled, self._cells(labelled), self.learnt["classes"], "Binary")
        z, w = checked(logits[labelled.rows, 0]), labelled.weights
        answers = (z > 0).astype("int32")
        found = {
            "accuracy": metrics.accuracy_score(truth, answers, sample_weight=w),
            "log_loss": np.average(np.logaddexp(0, np.where(truth == 1, -z, z)), weights=w),
        }
        if truth.any():
            found["f1"] = metrics.f1_score(truth, answers, sample_weight=w)
            if not truth.all():
                found["auc"] = metrics.roc_auc_score(truth, z, sample_weight=w)
                found["average_precision"] = metrics.average_precision_score(
                    truth, z, sample_weight=w
                )
        return {name: float(value) for name, value in found.items()}

    def gain(self, scores: Mapping[str, float]) -> float:
        if "auc" in scores:
            return clipped_gain(scores["auc"], trivial=0.5)
        return clipped_gain(scores["log_loss"], trivial=self.learnt["entropy"], perfect=0.0)
