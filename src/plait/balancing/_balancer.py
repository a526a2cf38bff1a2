"""The seam between the training step and the balancing methods.

A balancer never sees a model. It declares what it needs, the step provides it, and it returns one
weight a task. Every method works on the tasks that are active in the step and returns 0 for the
rest, so that a batch without labels for a task is a batch of the problem without that task.
"""

import abc
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import keras

from plait.backend import vjp

Level = Literal["representation", "parameters"]
Need = Literal[
    "losses", "gramian", "cross_gramian", "gradients", "losses_after", "metrics", "auxiliary"
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
    """

    tasks: tuple[str, ...]
    active: Any
    step: Any
    epoch: Any = 0
    auxiliary: tuple[bool, ...] = ()


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
    """

    losses: Any
    gramian: Any = None
    gradients: Sequence[Any] = ()
    shared: Sequence[Any] = ()
    metrics: Any = None


class Balancer(abc.ABC):
    """How the tasks' losses, or their gradients, are weighed against each other.

    Attributes:
        needs: what the step has to provide; "auxiliary" asks that some task has that role.
        level: at which tensors the tasks' gradients are compared; None for methods that look at
            loss values only, whose weights then multiply the whole losses, heads included.
        weight_heads: whether a method that looks at gradients also weighs the heads' gradients.
        refresh_every: steps from one weighing to the next; between them the last weights hold.
        gram_batch: how many rows of a batch the gradients are compared on; None for all.
    """

    needs: frozenset[Need]
    level: Level | None = None
    weight_heads: bool = False
    refresh_every: int = 1
    gram_batch: int | None = None

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
        refresh_every: weighs anew only in every so many steps, and when a task has its first labels
            since; the other steps cost a plain step at either level.
        gram_batch: compares the gradients on the first so many rows of each batch; a task without a
            label among them has weight 0 in that step. At "parameters" the trunk's backward for each
            task is then over these rows only.

    Raises:
        ValueError: another level, or a number below 1.
    """

    needs = frozenset({"gramian"})

    def __init__(
        self,
        *,
        level: Level = "representation",
        weight_heads: bool = False,
        refresh_every: int = 1,
        gram_batch: int | None = None,
    ) -> None:
        super().__init__()
        name = type(self).__name__
        if level not in get_args(Level):
            raise ValueError(
                f"{name}: level is 'representation' or 'parameters'. Received: {level!r}"
            )
        for argument, value in (("refresh_every", refresh_every), ("gram_batch", gram_batch or 1)):
            if not isinstance(value, int) or value < 1:
                raise ValueError(f"{name}: {argument} is at least 1. Received: {value!r}")
        self.level = level
        self.weight_heads = weight_heads
        self.refresh_every = refresh_every
        self.gram_batch = gram_batch

    def get_config(self) -> dict[str, Any]:
        return {
            "level": self.level,
            "weight_heads": self.weight_heads,
            "refresh_every": self.refresh_every,
            "gram_batch": self.gram_batch,
        }


class CrossGramianWeighting(Balancer):
    """A method that looks at inner products of the gradients of different rows.

    The rows are parts of the batch that the step receives, its labelled rows dealt in turn: two parts
    make the cross-Gramian, and the model moves along the third. Such products mean something for the
    variables only, so the level is always "parameters". Heads keep their gradients over all labelled
    rows.

    Args:
        weight_heads: whether the weights also multiply the heads' own gradients.
    """

    needs = frozenset({"cross_gramian"})
    level = "parameters"

    def __init__(self, *, weight_heads: bool = False) -> None:
        super().__init__()
        self.weight_heads = weight_heads

    def get_config(self) -> dict[str, Any]:
        return {"weight_heads": self.weight_heads}


class Aggregator(Balancer):
    """A method that makes the update of the shared tensors from the tasks' gradients themselves.

    Args:
        level: "parameters" gives it the gradients of the shared variables, at one trunk backward a
            task; "representation" those of the tensors where the shared trunk ends, for methods that
            keep no state of the gradients' shape.
        weight_heads: whether the weights that it gives also multiply each head's own gradient.
    """

    needs = frozenset({"gradients"})

    def __init__(self, *, level: Level = "parameters", weight_heads: bool = False) -> None:
        super().__init__()
        if level not in get_args(Level):
            raise ValueError(
                f"{type(self).__name__}: level is 'representation' or 'parameters'. "
                f"Received: {level!r}"
            )
        self.level = level
        self.weight_heads = weight_heads
        self.shapes: tuple[tuple[int, ...], ...] = ()

    def build_rows(self, shapes: Sequence[tuple[int, ...]]) -> None:
        """Makes the state that has the shared variables' shapes, once; after `build`."""
        if not self.shapes:
            self.shapes = tuple(tuple(shape) for shape in shapes)
            self.build_state(self.shapes)

    def build_state(self, shapes: Sequence[tuple[int, ...]]) -> None:
        """Makes variables for shared variables of these shapes; only at the level "parameters"."""

    @abc.abstractmethod
    def parts(self, evidence: Evidence, context: StepContext) -> tuple[list[Any], Any]:
        """Each task's part of the update; may assign the balancer's variables.

        Returns:
            One `(tasks, *shape)` for each of `evidence.gradients`, whose sum over the tasks the
            shared tensors move along; and the heads' weights `(tasks,)`. Both are 0 for inactive
            tasks.
        """

    def weights(self, evidence: Evidence, context: StepContext) -> tuple[Any, list[Any]]:
        return self.parts(evidence, context)[1], []

    def get_config(self) -> dict[str, Any]:
        return {"level": self.level, "weight_heads": self.weight_heads}


def mask(values: Any, active: Any) -> Any:
    """`values` `(tasks, ...)` where `active` `(tasks,)`, else exactly 0."""
    active = keras.ops.reshape(active, (-1,) + (1,) * (len(values.shape) - 1))
    return keras.ops.where(active, values, keras.ops.zeros_like(values))
