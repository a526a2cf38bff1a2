"""What a compiled model keeps for a balancer of features, and what such a balancer may ask for."""

import warnings
from collections.abc import Sequence
from typing import Any

import keras

from plait.balancing import Balancer, FeatureBalancer
from plait.errors import BalancingError
from plait.model._alone import Alone, Features
from plait.model._means import Means
from plait.model._network import TaskLosses

_SCALING = frozenset({"feature_scores", "feature_gramians"})
_OF_FEATURES = frozenset({"feature_losses"}) | _SCALING
_BESIDE = frozenset({"losses", "validation_losses"})


class FeatureLosses(keras.metrics.Metric):
    """Each task's loss from one feature alone, `<task>_loss_<feature>`, over the rows that have it.

    Args:
        tasks: the tasks' names.
        features: the features' names.
        reads: `(tasks, features)`, above 0 where a task reads a feature; others are not told.
    """

    def __init__(self, tasks: Sequence[str], features: Sequence[str], reads: Any) -> None:
        super().__init__(name="feature_losses")
        self._reads = reads
        self._tasks = tuple(tasks)
        self._features = tuple(features)
        self._means = Means(len(tasks) * (len(features) + 1), name="means")

    @property
    def variables(self) -> list[keras.Variable]:
        return self._means.variables

    def update_state(self, losses: TaskLosses, alone: Alone) -> None:
        """Takes one batch.

        Args:
            losses: from all features.
            alone: from each alone.
        """
        ops = keras.ops
        values = ops.append(alone.plain, losses.plain[:, None], axis=1)
        weights = ops.append(alone.totals, losses.totals[:, None], axis=1)
        self._means.update_state(ops.reshape(values, (-1,)), ops.reshape(weights, (-1,)))

    def reset_state(self) -> None:
        self._means.reset_state()

    @property
    def branches(self) -> Any:
        """`(tasks, features + 1)`: the last from all features."""
        shape = (len(self._tasks), len(self._features) + 1)
        return keras.ops.reshape(self._means.result(), shape)

    def result(self) -> dict[str, Any]:
        branches = self.branches
        return {
            f"{task}_loss_{feature}": branches[t, f]
            for t, task in enumerate(self._tasks)
            for f, feature in enumerate(self._features)
            if self._reads[t, f]
        }


def weighs_features(balancer: Balancer | None) -> bool:
    """Whether a balancer asks for what features give."""
    return isinstance(balancer, FeatureBalancer) or (
        balancer is not None and bool(_OF_FEATURES & balancer.needs)
    )


def scales_encoders(balancer: Balancer) -> bool:
    """Whether a balancer of features scales the gradients of their encoders."""
    return bool(_SCALING & balancer.needs)


def build_for_features(balancer: Balancer, features: Features, scored: Sequence[str]) -> None:
    """Makes a built balancer ready for a model's features.

    Args:
        balancer: one that weighs features.
        features: of the model.
        scored: the tasks whose losses say how probable the right class is.

    Raises:
        BalancingError: a need that a step which weighs features does not meet, a model without
            classes for a balancer that needs them.
    """
    name, needs = type(balancer).__name__, balancer.needs
    if not isinstance(balancer, FeatureBalancer):
        raise BalancingError(
            f"{name} needs {', '.join(sorted(needs & _OF_FEATURES))}, which only a FeatureBalancer is "
            "given. Let it derive from that class."
        )
    if (
        not needs & _OF_FEATURES
        or not needs <= _OF_FEATURES | _BESIDE
        or balancer.trainable_variables
    ):
        asked = "learnt variables" if balancer.trainable_variables else ", ".join(sorted(needs))
        raise BalancingError(
            f"{name} weighs features: it needs some of {', '.join(sorted(_OF_FEATURES))}, and what it "
            f"learns it updates itself. Received: {asked}."
        )
    if "feature_scores" in needs and not scored:
        raise BalancingError(
            f"{name} needs a task with classes, whose loss is a cross-entropy without label smoothing. "
            f"There is none among those of this model."
        )
    if balancer.model_features is None:
        balancer.build_features(features.names)
    if scales_encoders(balancer) and not any(features.encoders.values()):
        warnings.warn(
            f"plait: {name} scales the gradients of the features' encoders, and no trainable layer is "
            "reached by one feature's inputs alone.",
            stacklevel=4,
        )
