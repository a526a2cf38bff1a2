"""One of several answers that have an order."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Self, get_args

import keras
import numpy as np
import pyarrow as pa

from plait.errors import ConfigError, DataError
from plait.heads import Head, LinearHead, OrderedHead
from plait.table import Column
from plait.tasks import _metrics as metrics
from plait.tasks._labels import (
    Labelled,
    class_indices,
    count_classes,
    demand_labels,
    labelled_rows,
    means_missing,
    near_class,
    positions,
    refuse_keys,
    scalar_cells,
    where,
)
from plait.tasks._ordinal_loss import OrdinalCrossentropy, OrdinalRule, log_shares
from plait.tasks._said import Gives
from plait.tasks._scores import (
    by_class,
    checked,
    clipped_gain,
    entropy,
    rising,
    softplus,
    weighted_median,
)
from plait.tasks._task import Targets, Task

# A class that no training row has is still answered with a finite logit.
_SURE = 1e-4
_LEAST_STEP = 1e-2


@dataclass(frozen=True, kw_only=True)
class Ordinal(Task):
    """One of several labels that have an order, such as a rating; the answer is their median.

    With K classes there are K - 1 logits. By "corn" each says whether a row that has reached a class
    goes beyond it, and has weights of its own; by "cumulative" (proportional odds) all are one linear
    function with K - 1 thresholds, which asks less of few rows. Either way the loss is the negative
    logarithm of the right class' probability, which is told by the borders between classes: a row far
    from its class is on the wrong side of several.

    Args:
        order: the labels from the lowest to the highest. If None, they are numbers, or texts that
            read as numbers, in their order.
        rule: "corn" or "cumulative".
        on_unseen: what a label becomes that has no place in the order (of the training rows, or as
            given): an error, or a missing label.
        column, features, after, weight, auxiliary, fade, missing: see `Task`.

    `decode` gives `""`, the label: the lowest with half of the probability at or below it;
    `"probability"`, that of the label given; `"probabilities"`, a record with a field for each class.

    `scores` gives accuracy; mae, in places along the order; quadratic_kappa (left out where labels and
    answers are all one class); and log_loss (in nats).

    Raises:
        ConfigError: an argument that cannot be.

    Example:
        Ordinal(order=["poor", "fair", "good"])

    References:
        X. Shi, W. Cao, S. Raschka, "Deep Neural Networks for Rank-Consistent Ordinal Regression Based
        On Conditional Probabilities", 2021 ("corn"): there each batch's loss is divided by the number
        of conditional answers in it, here by the number of rows, so that it is a likelihood.
        P. McCullagh, "Regression Models for Ordinal Data", 1980 ("cumulative").
    """

    main_score: ClassVar[str] = "mae"
    answer_parts: ClassVar[tuple[str, ...]] = ("probability", "probabilities")
    one_class: ClassVar[bool] = True

    @property
    def gives(self) -> Gives | None:  # type: ignore[override]
        """The rule by which its logits are probabilities of classes."""
        return self.rule

    order: tuple[bool | int | float | str, ...] | None = None
    rule: OrdinalRule = "corn"
    on_unseen: Literal["raise", "missing"] = "raise"

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, value, allowed in (
            ("rule", self.rule, get_args(OrdinalRule)),
            ("on_unseen", self.on_unseen, ("raise", "missing")),
        ):
            if value not in allowed:
                choices = " or ".join(map(repr, allowed))
                raise ConfigError(f"Ordinal: {name} is {choices}. Received: {value!r}")
        if self.order is not None and not _is_order(self.order):
            raise ConfigError(
                "Ordinal: order is two labels or more, all texts or all numbers, each named once, "
                f"from the lowest to the highest. Received: {list(self.order)}"
            )

    def fit(self, column: Column, weights: np.ndarray | None = None) -> Self:
        labelled = labelled_rows(column, self.missing, weights)
        demand_labels(labelled)
        classes = self._classes(labelled)
        labelled, truth, _ = self._truth(labelled, classes)
        demand_labels(labelled)
        totals = np.bincount(truth, labelled.weights, minlength=len(classes))
        if np.count_nonzero(totals) == 1:
            raise DataError(
                f"Column '{column.name}' of {column.source}: every label of the training rows is "
                f"{classes[int(totals.argmax())]!r}. Ordinal needs two labels or more to tell "
                "apart. Split so that they train, or leave the task out."
            )
        shares = totals / totals.sum()
        errors = np.abs(truth - weighted_median(truth.astype("float64"), labelled.weights))
        return self.with_state(
            {
                "classes": classes,
                "shares": shares.tolist(),
                "entropy": entropy(shares),
                "trivial_mae": float(np.average(errors, weights=labelled.weights)),
            }
        )

    def targets(self, column: Column) -> Targets:
        labelled, truth, unseen = self._truth(
            labelled_rows(column, self.missing), self.learnt["classes"]
        )
        values = np.zeros(len(column), "int32")
        values[labelled.rows] = truth
        return Targets(values, labelled.flags, unseen)

    def head(self) -> Head:
        shares = np.array(self.learnt["shares"])
        below = np.cumsum(shares)[:-1]
        if self.rule == "cumulative":
            logits = _logit(below)
            rising_prior = tuple(rising(logits, _LEAST_STEP).tolist())
            return OrderedHead(len(below), shared_gaps=True, prior=rising_prior)
        reached = 1 - np.concatenate([[0.0], below[:-1]])
        beyond = (1 - below) / np.maximum(reached, _SURE)
        return LinearHead(len(below), prior=tuple(_logit(beyond).tolist()))

    def loss(self) -> keras.losses.Loss:
        return OrdinalCrossentropy(self.rule, self.learnt["entropy"])

    def decode(self, logits: np.ndarray) -> dict[str, pa.Array]:
        classes = self.learnt["classes"]
        probabilities = np.exp(self._log_shares(logits))
        answers = _medians(probabilities)
        return {
            "": pa.array(classes).take(pa.array(answers)),
            "probability": pa.array(probabilities[np.arange(len(answers)), answers]),
            "probabilities": by_class(probabilities, classes),
        }

    def scores(
        self, logits: np.ndarray, column: Column, weights: np.ndarray | None = None
    ) -> dict[str, float]:
        classes = self.learnt["classes"]
        labelled, truth, _ = self._truth(labelled_rows(column, self.missing, weights), classes)
        if not len(truth):
            return {}
        w = labelled.weights
        shares = self._log_shares(checked(logits[labelled.rows]))
        answers = _medians(np.exp(shares))
        found = {
            "accuracy": metrics.accuracy_score(truth, answers, sample_weight=w),
            "mae": metrics.mean_absolute_error(truth, answers, sample_weight=w),
            "log_loss": np.average(-shares[np.arange(len(truth)), truth], weights=w),
        }
        if len(np.unique([truth, answers])) > 1:
            found["quadratic_kappa"] = metrics.cohen_kappa_score(
                truth, answers, weights="quadratic", labels=range(len(classes)), sample_weight=w
            )
        return {name: float(value) for name, value in found.items()}

    def gain(self, scores: Mapping[str, float]) -> float:
        return clipped_gain(scores["mae"], trivial=self.learnt["trivial_mae"], perfect=0.0)

    def _log_shares(self, logits: np.ndarray) -> np.ndarray:
        shares: np.ndarray = log_shares(np.asarray(logits, "float64"), self.rule, np, softplus)
        return shares

    def _classes(self, labelled: Labelled) -> list[Any]:
        """The classes of the training rows, from the lowest to the highest."""
        if self.order is not None:
            return list(self.order)
        values = scalar_cells(labelled, "Ordinal")
        classes, _ = count_classes(values, labelled.weights)
        refuse_keys(labelled, values, classes, "Ordinal")
        if not isinstance(classes[0], str):
            return classes
        odd = [label for label in classes if not _reads_as_number(label)]
        if odd:
            row = int(np.flatnonzero(positions(values, pa.array([odd[0]])) == 0)[0])
            raise DataError(
                f"{where(labelled, row)}: Ordinal knows the order of numbers only. Received: "
                f"{odd[0]!r}. Declare Ordinal(order={json.dumps(classes[:5])}), with all labels from "
                f"the lowest to the highest.{means_missing(odd[0], 'Ordinal')}"
            )
        return sorted(classes, key=float)

    def _truth(self, labelled: Labelled, classes: list[Any]) -> tuple[Labelled, np.ndarray, int]:
        """The rows whose label has a place in the order, that place, and how many more have none."""
        values = scalar_cells(labelled, "Ordinal")
        places = positions(values, pa.array(classes))
        none = np.flatnonzero(places < 0)
        if not len(none):
            return labelled, places, 0
        if self.on_unseen == "missing":
            return labelled.kept(places >= 0), places[places >= 0], len(none)
        if self.order is None:
            class_indices(labelled, values, classes, "Ordinal", way_out='on_unseen="missing"')
        label = values[int(none[0])].as_py()
        raise DataError(
            f"{where(labelled, none[0])}: {label!r} has no place in the order of this Ordinal."
            f"{near_class(label, classes)} Add it to the order, or, to leave out such labels, declare "
            'Ordinal(on_unseen="missing").'
        )


def _is_order(labels: tuple[Any, ...]) -> bool:
    alike = len({isinstance(label, str) for label in labels}) == 1
    return alike and 2 <= len(set(labels)) == len(labels)


def _medians(probabilities: np.ndarray) -> np.ndarray:
    """The lowest class with half of each row's probability at or below it, int64."""
    return (np.cumsum(probabilities, axis=1)[:, :-1] < 0.5).sum(axis=1)


def _logit(shares: np.ndarray) -> np.ndarray:
    shares = np.clip(shares, _SURE, 1 - _SURE)
    return np.log(shares) - np.log1p(-shares)


def _reads_as_number(text: str) -> bool:
    try:
        return bool(np.isfinite(float(text)))
    except ValueError:
        return False
