"""Balancers around another one: they change which weights the step takes, and when."""

from typing import Any

import keras

from plait._names import demand
from plait.balancing._aggregator import Aggregator
from plait.balancing._balancer import Balancer, StepContext
from plait.balancing._feature_balancer import FeatureBalancer
from plait.errors import BalancingError


class Wrapper(Balancer):
    """Asks the step for what `weighting` needs, at its level, as often and on as many rows.

    Args:
        weighting: another balancer, which no model uses yet, and which gives weights.
    """

    def __init__(self, weighting: Balancer) -> None:
        super().__init__()
        demand(f"{type(self).__name__}: weighting", weighting, Balancer)
        if isinstance(weighting, Aggregator | FeatureBalancer):
            does = (
                "makes the update out of the tasks' gradients itself"
                if isinstance(weighting, Aggregator)
                else "weighs features"
            )
            raise ValueError(
                f"{type(self).__name__}: weighting gives each task a weight, and "
                f"{type(weighting).__name__} does not: it {does}."
            )
        self.weighting = weighting
        self.needs = weighting.needs
        self.level = weighting.level
        self.weight_heads = weighting.weight_heads
        self.refresh_every = weighting.refresh_every
        self.gram_batch = weighting.gram_batch

    def build(self, tasks: tuple[str, ...]) -> None:
        inner = type(self.weighting).__name__
        if self.weighting.tasks is not None:
            raise BalancingError(
                f"{type(self).__name__}: this {inner} already balances "
                f"{list(self.weighting.tasks)}. Give each balancer a weighting of its own."
            )
        super().build(tasks)
        self.weighting.build(tasks)

    @property
    def signature(self) -> str:
        return f"{super().signature}_{self.weighting.signature}"

    @property
    def variables(self) -> list[keras.Variable]:
        return self.weighting.variables

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
