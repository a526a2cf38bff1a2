"""What a model is asked for: each output's loss, and the labels that are there."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import numpy as np

from plait._names import did_you_mean
from plait.backend import mask_of
from plait.model._losses import (
    Labels,
    missing_label,
    read_labels,
    resolve_loss,
    right_share,
    row_losses,
    spread,
    takes_rows,
    task_loss,
)
from plait.model._mixed import joined_rows, pairs_of
from plait.model._network import TaskLosses


class Objective:
    """The losses of a model's outputs, as `compile` was given them.

    Args:
        outputs: the names of the model's outputs, in order.
        loss: a dict by output name, a list with one entry an output, or one loss for all.
        loss_weights: likewise, or None.

    Raises:
        ValueError: a name that no output has, or a list of another length.
    """

    def __init__(self, outputs: Sequence[str], loss: Any, loss_weights: Any = None) -> None:
        self.outputs = tuple(outputs)
        by_output = _by_output(loss, self.outputs, "loss")
        self.tasks = tuple(name for name in self.outputs if by_output.get(name) is not None)
        self._functions: dict[str, Callable] = {t: resolve_loss(by_output[t]) for t in self.tasks}
        self._shares = {t: right_share(by_output[t]) for t in self.tasks}
        self._missing = {t: missing_label(by_output[t]) for t in self.tasks}
        self._whole = {t: takes_rows(by_output[t]) for t in self.tasks}
        weights = _by_output(loss_weights, self.outputs, "loss_weights")
        self._weights = {
            t: 1.0 if weights.get(t) is None else float(weights[t]) for t in self.tasks
        }

    def by_name(self, y: Any, sample_weight: Any) -> dict[str, tuple[Any, Any]]:
        """The user's targets and sample weights as `{output: (targets, weights or None)}`.

        Args:
            y: a dict by output name, a list in the order of the outputs, or one array for a single
                output. Outputs without a loss may be left out.
            sample_weight: the same, or one array for all outputs, or None.

        Raises:
            ValueError: a task has no targets, or a name that no output has.
        """
        targets = self._spread(y, "targets")
        weights = self._spread(sample_weight, "sample_weight", one_for_all=True)
        for task in self.tasks:
            if targets.get(task) is None:
                raise ValueError(
                    f"Output '{task}' has a loss but no targets. Received targets for: "
                    f"{', '.join(targets) or 'nothing'}. Where a label is missing, give NaN, -1 for "
                    "a class, or a sample weight of 0."
                )
        return {
            name: (targets[name], weights.get(name))
            for name in self.outputs
            if targets.get(name) is not None
        }

    def labels(
        self, predictions: Mapping[str, Any], given: Mapping[str, tuple[Any, Any]]
    ) -> dict[str, Labels]:
        """The labels of each output that has targets, with constants in the missing places.

        Of rows that are made of two, those of the larger part.
        """
        return {
            name: self._read(
                name, pairs_of(labels)[0], predictions[name], mask_of(predictions[name])
            )
            for name, labels in given.items()
        }

    def labelled_rows(
        self, outputs: Mapping[str, Any], given: Mapping[str, tuple[Any, Any]]
    ) -> Any:
        """`(batch,)` bool: the rows that have a label of any output; only shapes of `outputs` count."""
        found = [
            self._read(name, pair, outputs[name]).rows > 0
            for name, labels in given.items()
            for pair in pairs_of(labels)
        ]
        labelled = found[0]
        for more in found[1:]:
            labelled = keras.ops.logical_or(labelled, more)
        return labelled

    def _read(
        self, name: str, labels: tuple[Any, Any], prediction: Any, mask: Any = None
    ) -> Labels:
        targets, weights = labels
        how = (self._missing.get(name), mask, self._whole.get(name, False))
        return read_labels(targets, prediction, weights, *how)

    def losses(
        self, predictions: Mapping[str, Any], given: Mapping[str, tuple[Any, Any]]
    ) -> TaskLosses:
        """Each task's mean loss over the weights of its labelled rows, times its loss weight."""
        plain, totals, wrong = [], [], []
        for task in self.tasks:
            rows = self._rows(task, self._functions[task], predictions[task], given[task])
            value, total = task_loss(*rows)
            plain.append(value)
            totals.append(total)
            wrong.append(keras.ops.logical_not(keras.ops.isfinite(rows[0])))
        if not plain:
            return TaskLosses(*(keras.ops.zeros((0,)) for _ in range(3)))
        losses = keras.ops.stack(plain)
        weights = keras.ops.convert_to_tensor(self.loss_weights)
        return TaskLosses(losses * weights, keras.ops.stack(totals), losses, keras.ops.stack(wrong))

    @property
    def loss_weights(self) -> np.ndarray:
        """`(tasks,)` float32."""
        return np.array([self._weights[task] for task in self.tasks], "float32")

    @property
    def scored(self) -> tuple[str, ...]:
        """The tasks whose losses say how probable the right class is."""
        return tuple(task for task in self.tasks if self._shares[task] is not None)

    def scores(self, predictions: Mapping[str, Any], given: Mapping[str, tuple[Any, Any]]) -> Any:
        """`(tasks,)`: the mean probability of the right class over the weights of the labelled rows.

        0 for a task without labels, or whose loss does not say it.
        """
        scores = []
        for task in self.tasks:
            share = self._shares[task]
            if share is None:
                scores.append(keras.ops.zeros(()))
            else:
                rows = self._rows(task, share, predictions[task], given[task])
                scores.append(task_loss(*rows)[0])
        return keras.ops.stack(scores)

    def _rows(self, task: str, loss: Callable, prediction: Any, given: Any) -> tuple[Any, Any]:
        """Each row's loss and its weight; of a mixed row, of both of its labels."""
        mask = mask_of(prediction)
        known = [self._read(task, pair, prediction, mask) for pair in pairs_of(given)]
        return joined_rows([row_losses(loss, labels, prediction) for labels in known])

    def _spread(self, given: Any, what: str, one_for_all: bool = False) -> dict[str, Any]:
        if given is None:
            return {}
        if isinstance(given, Mapping):
            for name in given:
                if name not in self.outputs:
                    raise ValueError(
                        f"{what}: the model has no output '{name}'."
                        f"{did_you_mean(str(name), self.outputs)}"
                    )
            return dict(given)
        if isinstance(given, list | tuple):
            if len(given) == len(self.outputs):
                return dict(zip(self.outputs, given, strict=True))
            if len(given) == len(self.tasks):
                return dict(zip(self.tasks, given, strict=True))
            raise ValueError(
                f"{what}: expected one array for each of the outputs {list(self.outputs)}. "
                f"Received {len(given)}."
            )
        if one_for_all or len(self.outputs) == 1:
            return dict.fromkeys(self.outputs, given)
        raise ValueError(
            f"{what}: expected a dict or a list with one array for each of the outputs "
            f"{list(self.outputs)}. Received one array."
        )


def unlabelled(labels: tuple[Any, Any]) -> tuple[Any, Any]:
    """The targets of one output, with a weight of 0 for each row."""
    rows = targets = keras.ops.convert_to_tensor(labels[0])
    while len(rows.shape) > 1:
        rows = rows[:, 0]
    return targets, keras.ops.zeros_like(rows, dtype="float32")


def labelled_while(labels: tuple[Any, Any], on: Any) -> tuple[Any, Any]:
    """The labels of one output, with a weight of 0 where not `on`, a bool for all rows or each."""
    targets, weights = labels
    if weights is None:
        rows = unlabelled(labels)[1]
        weights = keras.ops.ones_like(rows)
    weights, on = map(keras.ops.convert_to_tensor, (weights, on))
    if len(on.shape):
        on = spread(on, len(weights.shape))
    return targets, keras.ops.where(on, weights, keras.ops.zeros_like(weights))


def without_holes(x: Any, labelled: Any) -> Any:
    """The inputs with 0 for what is not finite in a row that has no label at all.

    Such a row is padding, and 0 times its infinity would be a NaN in every weight's gradient.

    Args:
        x: nested tensors `(batch, ...)`.
        labelled: `(batch,)` bool.
    """

    def cleaned(value: Any) -> Any:
        # All of them: Keras takes no arrays beside tensors, and `train_on_batch` gives arrays on torch.
        value = keras.ops.convert_to_tensor(value)
        if not keras.backend.is_float_dtype(keras.backend.standardize_dtype(value.dtype)):
            return value
        kept = keras.ops.logical_or(spread(labelled, len(value.shape)), keras.ops.isfinite(value))
        return keras.ops.where(kept, value, keras.ops.zeros_like(value))

    return keras.tree.map_structure(cleaned, x)


def _by_output(given: Any, outputs: Sequence[str], argument: str) -> dict[str, Any]:
    if given is None:
        return {}
    if isinstance(given, Mapping):
        for name in given:
            if name not in outputs:
                raise ValueError(
                    f"{argument}: the model has no output '{name}'.{did_you_mean(name, outputs)}"
                )
        return dict(given)
    if isinstance(given, list | tuple):
        if len(given) != len(outputs):
            raise ValueError(
                f"{argument}: expected one entry for each of the outputs {list(outputs)}. "
                f"Received {len(given)}: {given}"
            )
        return dict(zip(outputs, given, strict=True))
    return dict.fromkeys(outputs, given)
