"""Balancers around another one: they change which weights the step takes, and when."""

from typing import Any

import keras

from plait._names import demand
from plait.balancing._balancer import Balancer, StepContext
from plait.errors import BalancingError


class Wrapper(Balancer):
    """Asks the step for what `weighting` needs, and remembers a weight for each task.

    A task keeps its weight over the steps in which it has no labels, and the others' weights are
    those of the problem without it: nothing is rescaled.

    Args:
        weighting: another balancer, which no model uses yet.

    Attributes:
        kept: `(tasks,)`, the remembered weights.
        known: `(tasks,)`, 1 for tasks that have one, else 0.
    """

    def __init__(self, weighting: Balancer) -> None:
        super().__init__()
        demand(f"{type(self).__name__}: weighting", weighting, Balancer)
        self.weighting = weighting
        self.needs = weighting.needs
        self.level = weighting.level
        self.weight_heads = weighting.weight_heads

    def build(self, tasks: tuple[str, ...]) -> None:
        inner = type(self.weighting).__name__
        if self.weighting.tasks is not None:
            raise BalancingError(
                f"{type(self).__name__}: this {inner} already balances "
                f"{list(self.weighting.tasks)}. Give each balancer a weighting of its own."
            )
        super().build(tasks)
        self.weighting.build(tasks)
        # Stored under the inner one's name, so that a saved state fits no other weighting.
        self.kept, self.known = (
            keras.Variable("zeros", shape=(len(tasks),), dtype="float32", name=f"{inner}_{name}")
            for name in ("kept", "known")
        )

    @property
    def variables(self) -> list[keras.Variable]:
        return [*self.weighting.variables, self.kept, self.known] if self.tasks else []

    @property
    def trainable_variables(self) -> list[keras.Variable]:
        return self.weighting.trainable_variables

    def after_step(self, before: Any, after: Any, context: StepContext) -> None:
        self.weighting.after_step(before, after, context)

    def get_config(self) -> dict[str, Any]:
        return {"weighting": keras.saving.serialize_keras_object(self.weighting)}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "Wrapper":
        weighting = keras.saving.deserialize_keras_object(config["weighting"])
        return cls(**{**config, "weighting": weighting})

    def keep(self, weights: Any, active: Any) -> None:
        """Remembers `weights` `(tasks,)` of the tasks that are `active` `(tasks,)`."""
        ops = keras.ops
        self.kept.assign(ops.where(active, weights, ops.convert_to_tensor(self.kept)))
        self.known.assign(ops.where(active, 1.0, ops.convert_to_tensor(self.known)))
