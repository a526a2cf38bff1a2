"""The seam between the training step and the balancing methods.

A balancer never sees a model. It declares what it needs, the step provides it, and it returns one
weight a task. Every method works on the tasks that are active in the step and returns 0 for the
rest, so that a batch without labels for a task is a batch of the problem without that task.
"""

import abc
import weakref
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import keras

Level = Literal["representation", "parameters"]
Need = Literal[
    "losses",
    "gramian",
    "cross_gramian",
    "cross_product",
    "gradients",
    "losses_after",
    "metrics",
    "auxiliary",
    "feature_losses",
    "feature_scores",
    "feature_gramians",
    "validation_losses",
]


@dataclass(frozen=True)
class StepContext:
    """Where the step stands.

    Attributes:
        tasks: the tasks' names, in the order of every `(tasks,)` axis.
        active: `(tasks,)` bool, tasks with a label in this batch.
        step: scalar int32, optimizer steps so far.
        epoch: scalar int32, the epoch that `fit` is in, from 0; 0 outside `fit`.
        auxiliary: for each task, whether it only serves the others.
        features: the features' names, in the order of every `(features,)` axis, for a balancer that
            weighs them.
    """

    tasks: tuple[str, ...]
    active: Any
    step: Any
    epoch: Any = 0
    auxiliary: tuple[bool, ...] = ()
    features: tuple[str, ...] = ()


@dataclass(frozen=True)
class Evidence:
    """What the step measured, as far as the balancer's `needs` ask for it; float32.

    Attributes:
        losses: `(tasks,)`, 0 for inactive tasks.
        gramian: `(tasks, tasks)`, the inner products of the tasks' gradients; for the need
            "cross_gramian" those of one part of the batch (rows) with another part (columns).
        gradients: one `(tasks, *shape)` for each tensor that the tasks share: a row a task, 0 for
            inactive tasks and where a task does not use the tensor.
        shared: the values of those tensors, `(*shape)` each.
        metrics: `(tasks,)`, each task's first metric on this batch alone.
        feature_losses: `(tasks, features)`, each task's loss from one feature alone, over the rows
            that have it; 0 where there is none, or the task does not read the feature.
        feature_scores: `(tasks, features)`, the mean probability of the right class from one feature
            alone, over the same rows; 0 for tasks without classes.
        feature_gramians: `(features, 2, 2)`, at each feature's encoder the inner products of the
            gradient of the tasks' weighed losses with that of the feature's own weighed losses.
        cross_product: a function from weights `(tasks,)` to the cross-Gramian's product with them
            `(tasks,)`: at the price of two of the cross-Gramian's 2 `tasks` trunk backwards.
    """

    losses: Any
    gramian: Any = None
    gradients: Sequence[Any] = ()
    shared: Sequence[Any] = ()
    metrics: Any = None
    feature_losses: Any = None
    feature_scores: Any = None
    feature_gramians: Any = None
    cross_product: Any = None


class Balancer(abc.ABC):
    """How the tasks' losses, or their gradients, are weighed against each other.

    Attributes:
        needs: what the step has to provide; "auxiliary" asks that some task has that role.
        level: at which tensors the tasks' gradients are compared; None for methods that look at
            loss values only, whose weights then multiply the whole losses, heads included.
        weight_heads: whether a method that looks at gradients also weighs the heads' gradients.
        refresh_every: steps from one weighing to the next; between them the last weights hold.
        gram_batch: how many rows of a batch the gradients are compared on; None for all.
        model: a reference to the model that it was built for. The step's, not the balancer's own.
    """

    needs: frozenset[Need]
    level: Level | None = None
    weight_heads: bool = False
    refresh_every: int = 1
    gram_batch: int | None = None
    model: weakref.ref | None = None

    def __init__(self) -> None:
        self.tasks: tuple[str, ...] | None = None

    def build(self, tasks: tuple[str, ...]) -> None:
        """Makes the balancer's variables for these tasks, once."""
        self.tasks = tasks

    @property
    def signature(self) -> str:
        """What its state belongs to: the state of another signature is not restored into it."""
        return type(self).__name__

    @property
    def variables(self) -> list[keras.Variable]:
        """All state, in a fixed order; empty before `build`."""
        return []

    @property
    def trainable_variables(self) -> list[keras.Variable]:
        """Those of `variables` that the model's own optimizer moves."""
        return []

    @abc.abstractmethod
    def weights(self, evidence: Evidence, context: StepContext) -> tuple[Any, list[Any]]:
        """Weighs the tasks; may assign the balancer's variables.

        Returns:
            Weights `(tasks,)`, 0 for inactive tasks, and the gradients of `trainable_variables`.
        """

    def after_step(self, before: Any, after: Any, context: StepContext) -> None:  # noqa: B027
        """Sees the losses `(tasks,)` of the same rows before and after the weights moved.

        Called only if `needs` holds "losses_after".
        """

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "Balancer":
        """The balancer that `get_config` describes, without its variables' values."""
        return cls(**config)


def mask(values: Any, active: Any) -> Any:
    """`values` `(tasks, ...)` where `active` `(tasks,)`, else exactly 0."""
    active = keras.ops.reshape(active, (-1,) + (1,) * (len(values.shape) - 1))
    return keras.ops.where(active, values, keras.ops.zeros_like(values))
