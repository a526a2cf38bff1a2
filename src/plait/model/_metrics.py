"""Keras metrics over the labelled rows, and what the balancer did."""

from collections.abc import Mapping, Sequence
from typing import Any

import keras

from plait._names import did_you_mean
from plait.model._losses import Labels


class TaskMetrics(keras.metrics.Metric):
    """The user's `metrics` and `weighted_metrics`, one list for each output, and each task's loss.

    Unlike Keras' own, `metrics` are computed over the labelled rows only (each with weight 1);
    `weighted_metrics` also use the sample weights.

    Args:
        outputs: the names of the model's outputs, in order.
        tasks: the names of those with a loss.
        metrics: as in `compile`: a dict by output name, or a list.
        weighted_metrics: likewise.
    """

    def __init__(
        self,
        outputs: Sequence[str],
        tasks: Sequence[str],
        metrics: Any = None,
        weighted_metrics: Any = None,
    ) -> None:
        super().__init__(name="task_metrics")
        # Keras asks whether the metrics' variables exist; some make them in their first update.
        self.built = False
        several = len(outputs) > 1
        self._losses = {t: keras.metrics.Mean(name=f"{t}_loss") for t in tasks if several}
        self._plain = _by_output(metrics, outputs, "metrics")
        self._weighted = _by_output(weighted_metrics, outputs, "weighted_metrics")
        self._several = several

    @property
    def inner(self) -> list[keras.metrics.Metric]:
        """Every metric in it."""
        lists = [*self._plain.values(), *self._weighted.values()]
        return [*self._losses.values(), *(m for some in lists for m in some)]

    @property
    def variables(self) -> list[keras.Variable]:
        return [v for metric in self.inner for v in metric.variables]

    def update_losses(self, values: Mapping[str, Any], totals: Mapping[str, Any]) -> None:
        """Takes each task's loss, averaged over the epoch by its labelled rows' weights."""
        for task, metric in self._losses.items():
            metric.update_state(values[task], sample_weight=totals[task])

    def update_state(self, labels: Mapping[str, Labels], predictions: Mapping[str, Any]) -> None:
        """Takes one batch: `labels` by output (only those with a target), `predictions` by output."""
        for name, known in labels.items():
            for metric in self._plain.get(name, ()):
                metric.update_state(known.targets, predictions[name], known.labelled)
            for metric in self._weighted.get(name, ()):
                metric.update_state(known.targets, predictions[name], known.positions)
        self.built = True

    def reset_state(self) -> None:
        for metric in self.inner:
            metric.reset_state()

    def result(self) -> dict[str, Any]:
        results = {metric.name: metric.result() for metric in self._losses.values()}
        for some in (self._plain, self._weighted):
            for output, metrics in some.items():
                for metric in metrics:
                    name = f"{output}_{metric.name}" if self._several else metric.name
                    results[name if name not in results else f"weighted_{name}"] = metric.result()
        return results


class BalanceMonitor(keras.metrics.Metric):
    """Each task's mean weight over the epoch, and how often two tasks' gradients conflicted."""

    def __init__(self, tasks: Sequence[str], gramian: bool) -> None:
        super().__init__(name="balance")
        self._weights = [keras.metrics.Mean(name=f"{task}_weight") for task in tasks]
        self._conflicts = keras.metrics.Mean(name="conflict_rate") if gramian else None

    @property
    def _inner(self) -> list[keras.metrics.Metric]:
        return [*self._weights, *([self._conflicts] if self._conflicts else [])]

    @property
    def variables(self) -> list[keras.Variable]:
        return [v for metric in self._inner for v in metric.variables]

    def update_state(self, weights: Any, gramian: Any, active: Any) -> None:
        """Takes one step: `(tasks,)`, `(tasks, tasks)` or None, `(tasks,)` bool."""
        present = keras.ops.cast(active, "float32")
        for n, metric in enumerate(self._weights):
            metric.update_state(weights[n], sample_weight=present[n])
        if self._conflicts is not None:
            size = gramian.shape[0]
            pairs = present[:, None] * present[None, :] * (1.0 - keras.ops.eye(size))
            conflicts = keras.ops.cast(gramian < 0, "float32")
            self._conflicts.update_state(conflicts, sample_weight=pairs)

    def reset_state(self) -> None:
        for metric in self._inner:
            metric.reset_state()

    def result(self) -> dict[str, Any]:
        return {metric.name: metric.result() for metric in self._inner}


def _by_output(given: Any, outputs: Sequence[str], argument: str) -> dict[str, list[Any]]:
    if not given:
        return {}
    if isinstance(given, Mapping):
        for name in given:
            if name not in outputs:
                raise ValueError(
                    f"{argument}: the model has no output '{name}'.{did_you_mean(name, outputs)}"
                )
        chosen = dict(given)
    elif isinstance(given, list | tuple):
        if len(outputs) == 1:
            chosen = {outputs[0]: given}
        elif len(given) == len(outputs):
            chosen = dict(zip(outputs, given, strict=True))
        else:
            raise ValueError(
                f"{argument}: expected a dict by output name, or one entry for each of the "
                f"{len(outputs)} outputs {list(outputs)}. Received: {given}"
            )
    else:
        raise ValueError(f"{argument}: expected a dict or a list. Received: {given!r}")
    return {
        name: [_metric(m) for m in (some if isinstance(some, list | tuple) else [some])]
        for name, some in chosen.items()
        if some is not None
    }


def _metric(identifier: Any) -> keras.metrics.Metric:
    if isinstance(identifier, str) and identifier.lower() in ("accuracy", "acc"):
        return keras.metrics.MeanMetricWrapper(_accuracy, name=identifier)
    metric = keras.metrics.get(identifier)
    if isinstance(metric, keras.metrics.Metric):
        if isinstance(identifier, str):
            metric.name = identifier
        return metric
    name = identifier if isinstance(identifier, str) else getattr(metric, "__name__", "metric")
    return keras.metrics.MeanMetricWrapper(metric, name=name)


def _accuracy(targets: Any, predictions: Any) -> Any:
    """Keras' rule for the name "accuracy", by the shapes of the arrays."""
    rank, depth = len(targets.shape), len(predictions.shape)
    if predictions.shape[-1] == 1:
        if rank == depth - 1:
            targets = keras.ops.expand_dims(targets, -1)
        return keras.metrics.binary_accuracy(targets, predictions)
    if rank < depth or targets.shape[-1] == 1:
        return keras.metrics.sparse_categorical_accuracy(targets, predictions)
    return keras.metrics.categorical_accuracy(targets, predictions)
