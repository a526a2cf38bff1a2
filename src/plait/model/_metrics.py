"""The user's Keras metrics, over the labelled rows of each output."""

from collections.abc import Mapping, Sequence
from typing import Any

import keras

from plait._names import did_you_mean
from plait.errors import BalancingError
from plait.model._losses import Labels, same_rank, spread
from plait.model._means import Means


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
        several = len(outputs) > 1
        self._tasks = tuple(tasks) if several else ()
        self._losses = Means(len(self._tasks), name="losses")
        self._plain = _by_output(metrics, outputs, "metrics")
        self._weighted = _by_output(weighted_metrics, outputs, "weighted_metrics")
        self._several = several
        # Keras asks whether the metrics' variables exist, and some make them in their first update. To
        # have them made it goes through the whole model once more.
        self.built = not (self._plain or self._weighted)

    @property
    def inner(self) -> list[keras.metrics.Metric]:
        """Every metric in it."""
        lists = [*self._plain.values(), *self._weighted.values()]
        return [self._losses, *(m for some in lists for m in some)]

    @property
    def variables(self) -> list[keras.Variable]:
        return [v for metric in self.inner for v in metric.variables]

    def update_losses(self, values: Any, totals: Any) -> None:
        """Takes the tasks' losses `(tasks,)`, averaged over the epoch by their rows' weights."""
        if self._tasks:
            self._losses.update_state(values, totals)

    def update_state(self, labels: Mapping[str, Labels], predictions: Mapping[str, Any]) -> None:
        """Takes one batch: `labels` by output (only those with a target), `predictions` by output."""
        for name, known in labels.items():
            answers = known.where_labelled(predictions[name])
            for metric in self._plain.get(name, ()):
                _take(metric, known.targets, answers, known.labelled)
            for metric in self._weighted.get(name, ()):
                _take(metric, known.targets, answers, known.positions)
        self.built = True

    def check_scores(self, tasks: Sequence[str], who: str) -> None:
        """Refuses a balancer's need of metrics where a task has none of which more is better.

        Raises:
            BalancingError: names the task.
        """
        for task in tasks:
            first = self._first(task)
            if first is None or getattr(first, "_direction", None) == "down":
                received = "none" if first is None else first.name
                raise BalancingError(
                    f"{who} needs a metric in [0, 1], of which more is better, as the first of "
                    f"each output in metrics= or weighted_metrics=. Received for '{task}': {received}."
                )

    def on_batch(self, labels: Mapping[str, Labels], predictions: Mapping[str, Any]) -> Any:
        """Each task's first metric over this batch alone, `(tasks,)`; changes no variable."""
        found = []
        for task in self._tasks:
            metric, known = self._first(task), labels.get(task)
            if metric is None or known is None:
                found.append(keras.ops.zeros(()))
                continue
            weights = known.labelled if task in self._plain else known.positions
            with keras.StatelessScope([(v, v.value) for v in metric.variables]):
                metric.reset_state()
                _take(metric, known.targets, known.where_labelled(predictions[task]), weights)
                found.append(keras.ops.cast(metric.result(), "float32"))
        return keras.ops.stack(found)

    def _first(self, task: str) -> keras.metrics.Metric | None:
        return next(iter([*self._plain.get(task, ()), *self._weighted.get(task, ())]), None)

    def reset_state(self) -> None:
        for metric in self.inner:
            metric.reset_state()

    def result(self) -> dict[str, Any]:
        losses = self._losses.result()
        results = {f"{task}_loss": losses[n] for n, task in enumerate(self._tasks)}
        for some in (self._plain, self._weighted):
            for output, metrics in some.items():
                for metric in metrics:
                    name = f"{output}_{metric.name}" if self._several else metric.name
                    results[name if name not in results else f"weighted_{name}"] = metric.result()
        return results


def _take(metric: keras.metrics.Metric, targets: Any, answers: Any, weights: Any) -> None:
    if len(answers.shape) == 1:
        answers = keras.ops.expand_dims(answers, -1)
    if isinstance(metric, keras.metrics.IoU):
        # It counts every place by itself, and spreads no weight over them.
        classes = targets if metric.sparse_y_true else targets[..., 0]
        weights = spread(weights, len(classes.shape)) * keras.ops.ones_like(classes, "float32")
    else:
        targets = same_rank(targets, answers)
    metric.update_state(targets, answers, weights)


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
