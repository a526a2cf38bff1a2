"""A compiled model as the step needs to know it."""

from collections.abc import Sequence
from typing import Any

from plait.balancing import Balancer
from plait.model._alone import find_features
from plait.model._balance import cut_for
from plait.model._feature_losses import weighs_features
from plait.model._metrics import TaskMetrics
from plait.model._network import Network
from plait.model._objective import Objective
from plait.model._outputs import Outputs


def network_of(
    model: Any,
    outputs: Outputs,
    objective: Objective,
    metrics: TaskMetrics,
    balancing: Balancer | None,
    shared: Sequence[Any] | None,
) -> Network:
    """A functional model, cut where its balancer compares gradients.

    Raises:
        BalancingError: the balancer needs what the model's graph cannot give.
    """
    tasks, tensors = objective.tasks, outputs.tensors_by_name
    cut, compared = cut_for(balancing, model.inputs, tensors, tasks, shared)
    features = None
    if weighs_features(balancing):
        name = type(balancing).__name__
        features = find_features(model.inputs, tensors, tasks, name)
    return Network(
        inputs=model.inputs,
        outputs=tensors,
        tasks=tasks,
        trainable=list(model.trainable_variables),
        others=list(model.non_trainable_variables),
        flatten=model._standardize_inputs,
        forward=lambda x: outputs.by_name(model(x, training=True)),
        losses=objective.losses,
        metrics=lambda predictions, labels: metrics.on_batch(
            objective.labels(predictions, labels), predictions
        ),
        scores=objective.scores,
        labelled=lambda labels: objective.labelled_rows(tensors, labels),
        found=cut,
        compared=compared,
        features=features,
    )
