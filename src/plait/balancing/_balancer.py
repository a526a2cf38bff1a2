"""The seam between the training step and the balancing methods.

A balancer never sees a model. It declares what it needs, the step provides it, and it returns one
weight a task. Every method works on the tasks that are active in the step and returns 0 for the
rest, so that a batch without labels for a task is a batch of the problem without that task.
"""

import abc
from dataclasses import dataclass
from typing import Any, Literal

import keras

from plait.backend import vjp

Level = Literal["representation", "parameters"]
Need = Literal["losses", "gramian", "cross_gramian", "losses_after"]


@dataclass(frozen=True)
class StepContext:
    """Where the step stands.

    Attributes:
        tasks: the tasks' names, in the order of every `(tasks,)` axis.
        active: `(tasks,)` bool, tasks with a label in this batch.
        step: scalar int32, optimizer steps so far.
    """

    tasks: tuple[str, ...]
    active: Any
    step: Any


@dataclass(frozen=True)
class Evidence:
    """What the step measured, as far as the balancer's `needs` ask for it; float32.

    Attributes:
        losses: `(tasks,)`, 0 for inactive tasks.
        gramian: `(tasks, tasks)`, the inner products of the tasks' gradients; for the need
            "cross_gramian" those of one part of the batch (rows) with another part (columns).
    """

    losses: Any
    gramian: Any = None


class Balancer(abc.ABC):
    """How the tasks' losses, or their gradients, are weighed against each other.

    Attributes:
        needs: what the step has to provide.
        level: at which tensors the tasks' gradients are compared; None for methods that look at
            loss values only, whose weights then multiply the whole losses, heads included.
        weight_heads: whether a method that looks at gradients also weighs the heads' gradients.
    """

    needs: frozenset[Need]
    level: Level | None = None
    weight_heads: bool = False

    def __init__(self) -> None:
        self.tasks: tuple[str, ...] | None = None

    def build(self, tasks: tuple[str, ...]) -> None:
        """Makes the balancer's variables for these tasks, once."""
        self.tasks = tasks

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


class LossWeighting(Balancer):
    """A method that is a scalar function of the tasks' losses.

    The weights are the derivatives of `objective` with respect to the losses: one backward pass of
    the model, whatever the number of tasks.
    """

    needs = frozenset({"losses"})

    @abc.abstractmethod
    def objective(self, losses: Any, context: StepContext) -> Any:
        """The scalar that is minimised, over active tasks only; losses are `(tasks,)`."""

    def weights(self, evidence: Evidence, context: StepContext) -> tuple[Any, list[Any]]:
        def fn(losses: Any, learnt: list[Any]) -> tuple[Any, None]:
            state = [(v, v.value) for v in self.variables]
            state += zip(self.trainable_variables, learnt, strict=True)
            with keras.StatelessScope(state):
                return self.objective(losses, context), None

        learnt = [v.value for v in self.trainable_variables]
        _, pullback, _ = vjp(fn, evidence.losses, learnt)
        weights, gradients = pullback(keras.ops.ones(()))
        return mask(weights, context.active), list(gradients)


class GramianWeighting(Balancer):
    """A method that looks at the inner products of the tasks' gradients.

    Args:
        level: "representation" compares the gradients with respect to the tensors where the shared
            trunk ends, at the cost of about one plain step; "parameters" compares the exact
            gradients with respect to the shared variables, at one trunk backward a task.
        weight_heads: whether the weights also multiply each head's own gradient.
    """

    needs = frozenset({"gramian"})

    def __init__(self, *, level: Level = "representation", weight_heads: bool = False) -> None:
        super().__init__()
        if level not in ("representation", "parameters"):
            raise ValueError(
                f"{type(self).__name__}: level is 'representation' or 'parameters'. "
                f"Received: {level!r}"
            )
        self.level = level
        self.weight_heads = weight_heads

    def get_config(self) -> dict[str, Any]:
        return {"level": self.level, "weight_heads": self.weight_heads}


def mask(values: Any, active: Any) -> Any:
    """`values` `(tasks, ...)` where `active` `(tasks,)`, else exactly 0."""
    active = keras.ops.reshape(active, (-1,) + (1,) * (len(values.shape) - 1))
    return keras.ops.where(active, values, keras.ops.zeros_like(values))
