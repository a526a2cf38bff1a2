"""Any number of answers at once."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Self

import keras
import numpy as np
import pyarrow as pa

from plait._ranges import demand_share
from plait.errors import ConfigError, DataError
from plait.heads import Head, LinearHead
from plait.table import Column
from plait.tasks import _metrics as metrics
from plait.tasks._class_weights import check_choices
from plait.tasks._label_lists import LabelLists, guess_separator, label_lists
from plait.tasks._labels import (
    class_indices,
    count_classes,
    demand_labels,
    labelled_rows,
    positions,
)
from plait.tasks._losses import BinaryCrossentropy, binary_surprise
from plait.tasks._ones import Ones
from plait.tasks._said import Gives
from plait.tasks._scores import binary_entropy, by_class, checked, clipped_gain, sigmoid, softplus
from plait.tasks._task import Targets, Task

# A label that every training row has is still answered with a finite logit.
_SURE = 1e-4


@dataclass(frozen=True, kw_only=True)
class Multilabel(Task):
    """Any number of labels, from one logit for each label that there is.

    A cell is a list, or a string of labels with a separator between them. A null (or "") is a
    missing label; an empty list, or a separator alone, says that none of the labels holds.

    Args:
        separator: what stands between the labels of a string. If None: the first of | ; , that
            occurs in the training rows; if none does, each string is one label.
        on_unseen: what a label becomes that no training row has: an error, or one left out of its
            row's list.
        label_smoothing: see `Multiclass`; of each label's yes or no.
        focal: above 0, an answer counts the less, the surer it is already: by (1 - p)^focal where the
            label holds, by p^focal where it does not. Two numbers are one for each case: of many
            labels most do not hold, so that 0 and 4 leave the few that hold more say (with a margin
            of 0.05: the asymmetric loss).
        margin: where a label does not hold, a probability below it costs nothing, and others cost
            what one less by it does, in [0, 1).
        column, features, after, weight, auxiliary, fade, missing: see `Task`. A label in a list that
            means missing is left out of the list; where no other is left, the row is not labelled.

    `decode` gives `""`, the list of the labels with a probability above one half, and
    `"probabilities"`, a record with a field for each label.

    `scores` gives micro_f1, macro_f1 (over the labels in the rows or the answers),
    subset_accuracy (all labels of the row right), log_loss (in nats, a label) and auc: the mean
    over the labels that some rows have and others have not. What is undefined is left out; without
    auc the gain is that of the log loss.

    Raises:
        ConfigError: an argument that cannot be; label_smoothing and focal at once.

    Example:
        Multilabel(separator=";")

    References:
        T. Ridnik, E. Ben-Baruch, N. Zamir, A. Noy, I. Friedman, M. Protter, L. Zelnik-Manor,
        "Asymmetric Loss For Multi-Label Classification", 2021: there the labels' losses are added up,
        here they are averaged.
    """

    main_score: ClassVar[str] = "auc"
    answer_parts: ClassVar[tuple[str, ...]] = ("probabilities",)
    gives: ClassVar[Gives | None] = "yes or no"

    separator: str | None = None
    on_unseen: Literal["raise", "missing"] = "raise"
    label_smoothing: float = 0.0
    focal: float | tuple[float, float] = 0.0
    margin: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.separator == "":
            raise ConfigError(
                'Multilabel: separator is a string such as ";", or None. Received: ""'
            )
        if self.on_unseen not in ("raise", "missing"):
            raise ConfigError(
                f"Multilabel: on_unseen is 'raise' or 'missing'. Received: {self.on_unseen!r}"
            )
        if np.shape(self.focal) not in ((), (2,)):
            raise ConfigError(
                f"Multilabel: focal is one number, or two, for labels that hold and that do not. "
                f"Received: {self.focal}"
            )
        check_choices("Multilabel", self.label_smoothing, self.focal)
        demand_share("Multilabel", margin=self.margin)

    def fit(self, column: Column, weights: np.ndarray | None = None) -> Self:
        labelled = labelled_rows(column, self.missing, weights)
        demand_labels(labelled)
        separator = self.separator or guess_separator(labelled)
        lists = label_lists(labelled, separator, self.missing)
        labelled = lists.labelled
        demand_labels(labelled)
        labels, _ = count_classes(lists.values, labelled.weights[lists.parents])
        # A label that a row names twice counts once.
        count = max(1, len(labels))
        ones = np.unique(lists.parents * count + self._which(lists, labels))
        totals = np.bincount(ones % count, labelled.weights[ones // count], minlength=len(labels))
        shares = totals / labelled.weights.sum()
        entropies = binary_entropy(shares)
        if not entropies.any():
            same = "no label" if not labels else f"the labels {labels}"
            raise DataError(
                f"Column '{column.name}' of {column.source}: every training row has {same}. "
                "Multilabel needs rows that differ."
            )
        return self.with_state(
            {
                "labels": labels,
                "shares": shares.tolist(),
                "entropy": float(entropies.mean()),
                "trivial_loss": self._trivial_loss(shares),
                "separator": separator,
            }
        )

    def targets(self, column: Column) -> Targets:
        labelled = labelled_rows(column, self.missing)
        lists = label_lists(labelled, self.learnt["separator"], self.missing)
        rows, which = self._known(lists)
        shape = (len(column), len(self.learnt["labels"]))
        values = Ones(shape, lists.labelled.rows[rows], which)
        return Targets(values, lists.labelled.flags, len(lists.values) - len(which))

    def head(self) -> Head:
        return LinearHead(len(self.learnt["shares"]), prior=tuple(_prior(self.learnt["shares"])))

    def loss(self) -> keras.losses.Loss:
        trivial = self.learnt.get("trivial_loss", self.learnt["entropy"])
        return BinaryCrossentropy(trivial, self.label_smoothing, self._exponents, self.margin)

    def decode(self, logits: np.ndarray) -> dict[str, pa.Array]:
        labels = self.learnt["labels"]
        rows, which = np.nonzero(logits > 0)
        ends = np.searchsorted(rows, np.arange(len(logits) + 1)).astype("int32")
        chosen = pa.array(labels).take(pa.array(which))
        return {
            "": pa.ListArray.from_arrays(pa.array(ends), chosen),
            "probabilities": by_class(sigmoid(logits), labels),
        }

    def scores(
        self, logits: np.ndarray, column: Column, weights: np.ndarray | None = None
    ) -> dict[str, float]:
        labelled = labelled_rows(column, self.missing, weights)
        lists = label_lists(labelled, self.learnt["separator"], self.missing)
        labelled = lists.labelled
        if not len(labelled.rows):
            return {}
        truth = np.zeros((len(labelled.rows), len(self.learnt["labels"])), bool)
        truth[self._known(lists)] = True
        z, w = checked(logits[labelled.rows]), labelled.weights
        answers = z > 0
        surprise = np.logaddexp(0, np.where(truth, -z, z)).mean(axis=1)
        found = {
            "subset_accuracy": np.average((truth == answers).all(axis=1), weights=w),
            "log_loss": np.average(surprise, weights=w),
        }
        occur = np.flatnonzero((truth | answers).any(axis=0))
        if len(occur):
            for average in ("micro", "macro"):
                found[f"{average}_f1"] = metrics.f1_score(
                    truth[:, occur],
                    answers[:, occur],
                    average=average,
                    sample_weight=w,
                    zero_division=0,
                )
        mixed = np.flatnonzero(truth.any(axis=0) & ~truth.all(axis=0))
        if len(mixed):
            found["auc"] = np.mean(
                [metrics.roc_auc_score(truth[:, k], z[:, k], sample_weight=w) for k in mixed]
            )
        return {name: float(value) for name, value in found.items()}

    def gain(self, scores: Mapping[str, float]) -> float:
        if "auc" in scores:
            return clipped_gain(scores["auc"], trivial=0.5)
        return clipped_gain(scores["log_loss"], trivial=self.learnt["entropy"], perfect=0.0)

    @property
    def _exponents(self) -> tuple[float, float]:
        found = np.broadcast_to(self.focal, 2).tolist()
        return float(found[0]), float(found[1])

    def _trivial_loss(self, shares: np.ndarray) -> float:
        losses = binary_surprise(shares, _prior(shares), self._exponents, self.margin, np, softplus)
        return float(losses.mean())

    def _known(self, lists: LabelLists) -> tuple[np.ndarray, np.ndarray]:
        """The rows and the labels of all that is named and known."""
        which = self._which(lists, self.learnt["labels"])
        known = which >= 0
        return lists.parents[known], which[known]

    def _which(self, lists: LabelLists, labels: list[Any]) -> np.ndarray:
        """Each name's place among the labels, -1 for none."""
        if not len(lists.values):
            return np.zeros(0, "int32")
        if self.on_unseen == "missing":
            return positions(lists.values, pa.array(labels))
        return class_indices(
            lists.labelled,
            lists.values,
            labels,
            "Multilabel",
            lists.parents,
            way_out='on_unseen="missing"',
        )


def _prior(shares: Any) -> np.ndarray:
    """The logits of shares, finite."""
    shares = np.clip(shares, _SURE, 1 - _SURE)
    return np.log(shares) - np.log1p(-shares)
