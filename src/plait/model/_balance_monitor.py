"""What the balancer did, as metrics."""

from collections.abc import Sequence
from typing import Any

import keras

from plait.model._asked import Weighed
from plait.model._means import Means


class BalanceMonitor(keras.metrics.Metric):
    """Each task's mean weight over the epoch, and how often two tasks' gradients conflicted.

    Args:
        tasks: the tasks' names.
        gramian: whether gradients are compared.
        features: those whose encoders' gradients are scaled, for the mean scale of that of the
            tasks' losses.
    """

    def __init__(self, tasks: Sequence[str], gramian: bool, features: Sequence[str] = ()) -> None:
        super().__init__(name="balance")
        self._tasks = tuple(tasks)
        self._features = tuple(features)
        self._scales = Means(len(features), name="scales") if features else None
        self._weights = Means(len(tasks), name="weights")
        self._conflicts = Means(1, name="conflict_rate") if gramian else None

    @property
    def _inner(self) -> list[Means]:
        return [m for m in (self._weights, self._conflicts, self._scales) if m is not None]

    @property
    def variables(self) -> list[keras.Variable]:
        return [v for metric in self._inner for v in metric.variables]

    def update_state(self, weighed: Weighed, active: Any) -> None:
        """Takes one step; `active` is `(tasks,)` bool."""
        weights = weighed.weights
        # A step that overflowed in float16 moved nothing, and has no weights to tell of.
        finite = keras.ops.isfinite(weights)
        present = keras.ops.cast(keras.ops.logical_and(active, finite), "float32")
        self._weights.update_state(keras.ops.where(finite, weights, 0.0), present)
        if self._scales is not None and weighed.scales is not None:
            scales = weighed.scales[:, 0]
            sound = keras.ops.isfinite(scales)
            self._scales.update_state(keras.ops.where(sound, scales, 0.0), sound)
        if self._conflicts is not None and weighed.gramian is not None:
            pairs = present[:, None] * present[None, :] * (1.0 - keras.ops.eye(len(self._tasks)))
            count = keras.ops.sum(pairs)
            conflicts = keras.ops.sum(keras.ops.where(weighed.gramian < 0, pairs, 0.0))
            rate = keras.ops.divide_no_nan(conflicts, count)
            self._conflicts.update_state(rate[None], count[None])

    def reset_state(self) -> None:
        for metric in self._inner:
            metric.reset_state()

    def result(self) -> dict[str, Any]:
        weights = self._weights.result()
        results = {f"{task}_weight": weights[n] for n, task in enumerate(self._tasks)}
        if self._conflicts is not None:
            results["conflict_rate"] = self._conflicts.result()[0]
        if self._scales is not None:
            scales = self._scales.result()
            results |= {f"{name}_scale": scales[n] for n, name in enumerate(self._features)}
        return results
